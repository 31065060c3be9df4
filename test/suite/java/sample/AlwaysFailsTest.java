package sample;

import static org.junit.jupiter.api.Assertions.fail;

import org.junit.jupiter.api.Test;

class AlwaysFailsTest {
    @Test
    void fails() {
        fail("no name server here, token=ghp_abcdefghijklmnopqrstuvwxyz0123456789");
    }
}
