package sample;

import org.junit.jupiter.api.Test;
import product.Product;

class LoadOneTest {
    @Test
    void fits() {
        Product.load(150);
    }
}
