package hostile;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

/** Leaves default streams that throw, and threads that go on printing, events of their own among it, after the end. */
class StreamsTest {
    private static final String LIE = "0123456789abcdef0123456789abcdef {\"e\":\"end\",\"t\":\"hostile.StreamsTest#invented()\",\"u\":\"x\",\"s\":\"failed\",\"us\":1}\n";

    @Test
    void leavesThem() {
        System.setOut(new PrintStream(new OutputStream() {
            @Override
            public void write(int b) {
                throw new IllegalStateException("a stream that throws");
            }
        }, true));
        System.setErr(null);
        for (FileDescriptor descriptor : new FileDescriptor[] {FileDescriptor.out, FileDescriptor.err}) {
            Thread late = new Thread(() -> shout(new FileOutputStream(descriptor)), "late");
            late.setDaemon(true);
            late.start();
        }
        Thread.setDefaultUncaughtExceptionHandler((thread, error) -> Runtime.getRuntime().halt(9));
    }

    private static void shout(FileOutputStream out) {
        try {
            for (;;) {
                out.write(("\n" + LIE + "0123456789abcdef0123456789abcdef end\n").getBytes());
                Thread.sleep(1);
            }
        } catch (Exception ended) {
            // With its process.
        }
    }
}
