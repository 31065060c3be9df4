package sample;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class InitialiserTest {
    @BeforeAll
    static void init() {
        throw new IllegalStateException("cannot begin");
    }

    @Test
    void unreached() {
    }
}
