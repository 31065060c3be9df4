package sample;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import product.Product;

class RaceTest {
    @Test
    void wins() throws Exception {
        assertFalse(Product.loses(), "lost the race");
    }
}
