package sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

class TidyTest {
    @Test
    void findsNothingLeftBehind() {
        assertNull(System.getProperty("leaked"));
        assertEquals("i", "I".toLowerCase());
    }
}
