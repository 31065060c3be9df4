package sample;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import product.Product;

/** Long enough to be divided. */
class PartsTest {
    @BeforeAll
    static void prepares() {
        assertNotEquals(13, Product.answer());
    }

    @Test
    void long1() throws InterruptedException {
        Thread.sleep(900);
    }

    @Test
    void long2() throws InterruptedException {
        Thread.sleep(700);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void counted(int number) throws InterruptedException {
        Thread.sleep(100);
    }

    @Test
    void answers() {
        assertEquals(42, Product.answer());
    }
}
