package sample;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import product.Product;

class PairTest {
    @Test
    void isRight() {
        assertFalse(Product.isWrong());
    }
}
