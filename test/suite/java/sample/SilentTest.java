package sample;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class SilentTest {
    @BeforeAll
    static void never() throws Exception {
        new java.util.concurrent.CountDownLatch(1).await();
    }

    @Test
    void unreached() {
    }
}
