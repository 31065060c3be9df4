package sample;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Test;

/** Prints before it fails, always: its log is evidence. */
class WordyFailsTest {
    @Test
    void fails() {
        System.out.println("looking for a name server");
        fail("no name server here");
    }
}
