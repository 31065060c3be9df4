package sample;

import org.junit.jupiter.api.RepeatedTest;

/** Long enough to be lost in the middle of, with the host it runs on. */
class SlowerTest {
    @RepeatedTest(60)
    void takesItsTime() throws Exception {
        Thread.sleep(150);
    }
}
