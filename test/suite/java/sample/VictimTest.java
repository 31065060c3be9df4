package sample;

import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;
import product.Product;

/** Passes alone; what ran before it in its process may have left something behind. */
class VictimTest {
    @Test
    void findsItClean() {
        System.out.println("looking at it");
        assertFalse(Product.isDirty(), "somebody was here before");
    }
}
