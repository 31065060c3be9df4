package hostile;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Two gigabytes, as fast as they go, without a line end. */
class FloodTest {
    @Test
    void prints() throws Exception {
        byte[] block = new byte[1 << 20];
        Arrays.fill(block, (byte) 'x');
        FileOutputStream out = new FileOutputStream(FileDescriptor.out);
        for (int i = 0; i < 2_048; i++) {
            out.write(block);
        }
    }
}
