package hostile;

import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

@TestMethodOrder(MethodOrderer.MethodName.class)
class HaltTest {
    @Test
    void aBefore() {
    }

    @Test
    void bHalts() {
        Runtime.getRuntime().halt(0);
    }

    @Test
    void cAfter() {
    }
}
