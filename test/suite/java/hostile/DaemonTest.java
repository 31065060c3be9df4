package hostile;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;

/** Leaves a process that has left its group, its session and its parent. */
class DaemonTest {
    @Test
    void leavesOne() throws Exception {
        String script = "setsid sh -c 'sleep " + System.getProperty("marker") + " & exit 0' & exit 0";
        Process shell = new ProcessBuilder("sh", "-c", script).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        Assertions.assertTrue(shell.waitFor(30, TimeUnit.SECONDS));
    }
}
