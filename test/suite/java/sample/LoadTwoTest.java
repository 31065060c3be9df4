package sample;

import org.junit.jupiter.api.Test;
import product.Product;

class LoadTwoTest {
    @Test
    void fits() {
        Product.load(150);
    }
}
