package hostile;

import java.util.Arrays;
import org.junit.Assert;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.junit.runners.Parameterized;

/** JUnit 4 has what the arguments print as in the name of a method. */
@RunWith(Parameterized.class)
public class LongNamesTest {
    private final String name;

    public LongNamesTest(String name) {
        this.name = name;
    }

    @Parameterized.Parameters(name = "{index}: {0}")
    public static Iterable<Object[]> names() {
        return Arrays.asList(new Object[][] {{"[1".repeat(1 << 19)}, {"x".repeat(1 << 20)}});
    }

    @Test
    public void isLong() {
        Assert.assertTrue(name.startsWith("["));
    }
}
