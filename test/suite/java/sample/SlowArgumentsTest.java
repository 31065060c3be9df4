package sample;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What takes its time is not the test, but its arguments. */
class SlowArgumentsTest {
    static Stream<Integer> slowly() throws InterruptedException {
        Thread.sleep(600);
        return Stream.of(1, 2);
    }

    @ParameterizedTest
    @MethodSource("slowly")
    void isQuick(int number) {
    }
}
