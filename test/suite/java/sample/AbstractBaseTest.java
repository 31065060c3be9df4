package sample;

import org.junit.jupiter.api.Test;

abstract class AbstractBaseTest {
    @Test
    void inherited() {
    }
}
