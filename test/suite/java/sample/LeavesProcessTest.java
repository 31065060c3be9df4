package sample;

import org.junit.jupiter.api.Test;

class LeavesProcessTest {
    @Test
    void leaves() throws Exception {
        Process left = new ProcessBuilder("sleep", "987").inheritIO().start();
        System.err.println("left " + left.pid());
        throw new IllegalStateException("left " + left.pid());
    }
}
