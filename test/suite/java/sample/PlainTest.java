package sample;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PlainTest {
    static Stream<String> hostile() {
        return Stream.of("a\nb", "\u001b[31mred\u0000", "<b>&amp;\u202eevil\ud800", "x".repeat(5_000));
    }

    @Test
    void passes() {
        System.out.println("said by a passing test");
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("hostile")
    void hostileNames(String name) {
        assertTrue(name.length() > 0);
    }

    @RepeatedTest(2)
    void repeated() {
    }

    @TestFactory
    List<DynamicTest> made() {
        return List.of(DynamicTest.dynamicTest("one\r\n", () -> { }), DynamicTest.dynamicTest("one\r\n", () -> { }));
    }

    @Disabled("not today")
    @Test
    void disabled() {
    }

    @Test
    void assumes() {
        Assumptions.assumeTrue(false, "never here");
    }

    @Nested
    class Inner {
        @Test
        void nested() {
        }
    }
}
