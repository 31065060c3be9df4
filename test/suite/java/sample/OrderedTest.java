package sample;

import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/** Its second test needs its first: it must never be divided. */
@TestMethodOrder(MethodOrderer.MethodName.class)
class OrderedTest {
    private static boolean prepared;

    @Test
    void aPrepares() {
        prepared = true;
    }

    @Test
    void bNeedsIt() {
        assertTrue(prepared);
    }
}
