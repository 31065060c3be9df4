package patchwright.runner;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

/** What most test classes have, of Jupiter's first version: run by {@link Training} alone. One test fails, as some do. */
class TrainingTest {
    private int before;

    @BeforeEach
    void prepare() {
        before = 1;
    }

    @AfterEach
    void tidyUp() {
        before = 0;
    }

    @Test
    void passes() {
        assertEquals(1, before);
        assertThrows(IllegalStateException.class, () -> {
            throw new IllegalStateException("expected");
        });
        System.out.println("printed");
    }

    @Test
    void fails() {
        assertTrue(before == 0, "as it should");
    }

    @Test
    @Disabled("as some are")
    void isSkipped() {
    }

    @RepeatedTest(2)
    void isRepeated() {
    }

    @Nested
    class Inside {
        @Test
        void passesToo() {
        }
    }
}
