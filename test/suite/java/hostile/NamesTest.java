package hostile;

import java.util.stream.Stream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What a test may be called, and say. */
class NamesTest {
    private static final String EVIL = "a\r\nb\u0000\u001b[31m<script>alert(1)</script>\u202eabc\u2066\ud800]]>&lt;";

    @TestFactory
    Stream<DynamicTest> named() {
        return Stream.of(
            DynamicTest.dynamicTest(EVIL, () -> Assertions.fail(EVIL)),
            DynamicTest.dynamicTest("n".repeat(1 << 20), () -> Assertions.fail("m".repeat(1 << 20))),
            DynamicTest.dynamicTest("\u0007x".repeat(1 << 19), () -> { }));
    }
}
