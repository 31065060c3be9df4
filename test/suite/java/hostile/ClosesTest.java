package hostile;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** Closes what it prints to: the stream, as programs do, and then the descriptor below it, through which events go. */
@TestMethodOrder(MethodOrderer.MethodName.class)
class ClosesTest {
    @Test
    void aClosesTheStreams() {
        System.out.close();
        System.err.close();
        System.out.println("into nothing");
    }

    @Test
    void bClosesTheDescriptor() throws Exception {
        new FileOutputStream(FileDescriptor.out).close();
    }

    @Test
    void cAfter() {
    }
}
