package sample;

import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

@TestMethodOrder(MethodOrderer.MethodName.class)
class HangTest {
    @Test
    void aBefore() {
    }

    @Test
    void bHangs() throws Exception {
        new java.util.concurrent.CountDownLatch(1).await();
    }

    @Test
    void cAfter() {
    }
}
