package sample;

import org.junit.jupiter.api.Test;

class QuickTest {
    @Test
    void isQuick() {
    }
}
