package product;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** What a fork's patches change: the words in capitals are filled in by the test. */
public final class Product {
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
}
