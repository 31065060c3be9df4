package sample;

import org.junit.jupiter.api.Test;
import product.Product;

class UseTest {
    @Test
    void uses() {
        Product.use();
    }
}
