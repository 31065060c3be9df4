package sample;

import org.junit.jupiter.api.RepeatedTest;

/** Long enough to be killed in the middle of. */
class SlowTest {
    @RepeatedTest(20)
    void takesItsTime() throws Exception {
        Thread.sleep(100);
    }
}
