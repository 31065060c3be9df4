package hostile;

import java.io.File;
import java.io.FileOutputStream;
import java.io.OutputStream;
import org.junit.jupiter.api.Test;

/** Writes until nothing more can be written, in many files. */
class DiskTest {
    @Test
    void fillsIt() throws Exception {
        byte[] block = new byte[1 << 20];
        for (int i = 0; i < 2_000; i++) {
            try (OutputStream out = new FileOutputStream(File.createTempFile("full", ".bin"))) {
                for (int part = 0; part < 4; part++) {
                    out.write(block);
                }
            }
        }
    }
}
