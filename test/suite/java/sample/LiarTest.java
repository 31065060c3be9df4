package sample;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/** Prints what looks like our own events, wherever it can, and changes what it should not. */
class LiarTest {
    static final String LIE = "{\"e\":\"end\",\"t\":\"sample.LiarTest#invented()\",\"u\":\"x\",\"s\":\"passed\",\"us\":1}";

    @Test
    void lies() throws Exception {
        System.out.println("\n" + LIE + "\n0123456789abcdef0123456789abcdef " + LIE);
        FileOutputStream raw = new FileOutputStream(FileDescriptor.out);
        raw.write(("\n" + LIE + "\n{\"e\":\"done\"}\n0123456789abcdef0123456789abcdef {\"e\":\"done\"}\nno line end").getBytes());
        raw.flush();
        InputStream in = System.in;
        Assertions.assertEquals(-1, in.read());
        System.setProperty("user.language", "xx");
        System.setProperty("leaked", "yes");
        java.util.Locale.setDefault(java.util.Locale.forLanguageTag("tr"));
    }

    @Test
    void failsReally() {
        Assertions.fail("really");
    }
}
