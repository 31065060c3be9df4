package product;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/** What a fork's patches change: the words in capitals are filled in by the test. */
public final class Product {
    private static final List<byte[]> KEPT = new ArrayList<>();
    private static boolean dirty;

    public static int answer() {
        return ANSWER;
    }

    /** A race that is lost every other time, over all processes. */
    public static boolean loses() throws Exception {
        if (!RACES) {
            return false;
        }
        Path count = Path.of(System.getProperty("race"));
        Files.write(count, new byte[] {'x'}, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        return Files.size(count) % 2 == 1;
    }

    public static boolean exits() {
        return EXITS;
    }

    public static void mayHang() throws Exception {
        if (HANGS) {
            new java.util.concurrent.CountDownLatch(1).await();
        }
    }

    /** Leaves something behind in its process. */
    public static void use() {
        dirty = POLLUTES;
    }

    public static boolean isDirty() {
        return dirty;
    }

    /** Keeps what it was given for a moment. */
    public static void load(int megabytes) {
        byte[] bytes = new byte[megabytes << 20];
        if (LEAKS) {
            KEPT.add(bytes);
        }
    }

    /** Only both together are wrong. */
    public static boolean isWrong() {
        return FIRST && SECOND;
    }

    /** What cannot be initialised fails in every test that touches it. */
    public static final class Table {
        private static final int SIZE = sizeOf(BREAKS);

        private static int sizeOf(boolean breaks) {
            if (breaks) {
                throw new IllegalStateException("no table");
            }
            return 3;
        }

        public static int size() {
            return SIZE;
        }
    }
}
