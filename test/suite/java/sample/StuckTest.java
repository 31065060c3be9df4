package sample;

import org.junit.jupiter.api.Test;
import product.Product;

class StuckTest {
    @Test
    void returns() throws Exception {
        Product.mayHang();
    }
}
