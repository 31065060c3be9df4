package sample;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import product.Product;

class TableTest {
    @Test
    void hasThreeRows() {
        assertEquals(3, Product.Table.size());
    }

    @Test
    void keepsItsRows() {
        assertEquals(3, Product.Table.size());
    }
}
