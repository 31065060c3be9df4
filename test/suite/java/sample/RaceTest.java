package sample;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import product.Product;

class RaceTest {
    @Test
    void wins() {
        for (int i = 0; i < 3; i++) {
            assertFalse(Product.races(), "lost the race");
        }
    }
}
