package sample;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Takes memory that no heap counts, and waits. */
class HungryTest {
    @Test
    void eats() throws Exception {
        List<ByteBuffer> taken = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            ByteBuffer part = ByteBuffer.allocateDirect(10 << 20);
            while (part.hasRemaining()) {
                part.put((byte) 1);
            }
            taken.add(part);
        }
        byte[] heap = new byte[100 << 20];
        java.util.Arrays.fill(heap, (byte) 1);
        Thread.sleep(60_000);
        throw new IllegalStateException(taken.size() + " " + heap.length);
    }
}
