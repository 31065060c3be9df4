package hostile;

import org.junit.jupiter.api.Test;

class CalmTest {
    @Test
    void prints() {
        System.out.println("calm");
        new Thread(() -> {
            throw new IllegalStateException("not caught");
        }).start();
    }
}
