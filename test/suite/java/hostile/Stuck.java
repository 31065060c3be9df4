package hostile;

import java.util.concurrent.CountDownLatch;

/** An agent that never lets its JVM begin. */
public final class Stuck {
    private Stuck() {
    }

    public static void premain(String arguments) throws Exception {
        new CountDownLatch(1).await();
    }
}
