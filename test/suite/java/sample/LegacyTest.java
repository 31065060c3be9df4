package sample;

import static org.junit.Assert.assertTrue;

import java.util.Arrays;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.junit.runners.Parameterized;

@RunWith(Parameterized.class)
public class LegacyTest {
    private final int number;

    public LegacyTest(int number) {
        this.number = number;
    }

    @Parameterized.Parameters(name = "{index}: {0}")
    public static Iterable<Object[]> data() {
        return Arrays.asList(new Object[][] {{1}, {2}});
    }

    @Test
    public void counts() {
        assertTrue(number > 0);
    }
}
