package sample;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** Fails the first time it runs in a folder, whatever it tests: flaky, and never again. */
class CoinTest {
    @Test
    void lands() throws Exception {
        assertTrue(!new java.io.File(System.getProperty("coin")).createNewFile(), "the coin fell on its edge");
    }
}
