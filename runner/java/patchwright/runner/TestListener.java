package patchwright.runner;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * One event as each test starts and one as it ends. A container (a class, a parameterised method) is told of when
 * it failed or was skipped itself, since its tests then never ran.
 */
final class TestListener implements TestExecutionListener {
    private static final int DISPLAY_CHARS = 300;

    private final EventWriter events;
    private final Map<String, Long> startedAt = new ConcurrentHashMap<>();
    private TestIds ids;

    TestListener(EventWriter events) {
        this.events = events;
    }

    @Override
    public void testPlanExecutionStarted(TestPlan plan) {
        ids = new TestIds(plan);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        startedAt.put(test.getUniqueId(), System.nanoTime());
        if (test.isTest()) {
            events.write(event("start", test));
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        events.write(event("end", test).put("s", "skipped").put("us", 0).put("m", Failures.cut(reason, DISPLAY_CHARS)));
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        Long start = startedAt.remove(test.getUniqueId());
        boolean successful = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        if (!test.isTest() && successful) {
            return;
        }
        Json event = event("end", test)
            .put("s", successful ? "passed" : result.getStatus() == TestExecutionResult.Status.ABORTED ? "skipped" : "failed")
            .put("us", start == null ? 0 : (System.nanoTime() - start) / 1_000);
        result.getThrowable().ifPresent(error -> event.put("m", Failures.message(error)).put("x", Failures.trace(error)));
        events.write(event);
    }

    private Json event(String kind, TestIdentifier test) {
        return new Json().put("e", kind).put("t", ids.idOf(test)).put("u", test.getUniqueId())
            .put("d", Failures.cut(test.getDisplayName(), DISPLAY_CHARS));
    }
}
