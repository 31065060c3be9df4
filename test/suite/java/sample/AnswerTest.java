package sample;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import product.Product;

class AnswerTest {
    @Test
    void answers() {
        System.out.println("about to ask");
        assertEquals(42, Product.answer());
    }

    @ParameterizedTest
    @ValueSource(ints = {41, 43})
    void isNot(int wrong) {
        assertEquals(false, wrong == Product.answer());
    }
}
