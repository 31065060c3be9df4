package sample;

import java.lang.reflect.Field;
import org.junit.jupiter.api.Test;

/** Takes the whole JVM down, as faulty native code does. */
class CrashesTest {
    @Test
    void writesToNowhere() throws Exception {
        Field field = sun.misc.Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        ((sun.misc.Unsafe) field.get(null)).putAddress(0, 0);
    }
}
