package sample;

import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import product.Product;

@TestMethodOrder(MethodOrderer.MethodName.class)
class ExitTest {
    @Test
    void aBefore() {
    }

    @Test
    void bExits() {
        if (Product.exits()) {
            System.out.println("goodbye");
            System.exit(0);
        }
    }

    @Test
    void cAfter() {
    }
}
