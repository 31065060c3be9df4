package patchwright.runner;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * One event as each test starts and one as it ends. A container (a class, a parameterised method) is told of when
 * it failed or was skipped itself, since its tests then never ran. What a method does before an invocation (to make
 * its arguments may take seconds) is counted with that invocation: run alone, it takes as long.
 */
final class TestListener implements TestExecutionListener {
    private static final int DISPLAY_CHARS = 300;

    private final EventWriter events;
    private final Map<String, Long> startedAt = new ConcurrentHashMap<>();
    /** Of a method with invocations: when the last of them ended, or it began itself. */
    private final Map<String, Long> waitedSince = new ConcurrentHashMap<>();
    /** Told of by their own event; what is below a container of these has its fate. */
    private final Set<String> told = ConcurrentHashMap.newKeySet();
    private TestPlan plan;
    private TestIds ids;

    TestListener(EventWriter events) {
        this.events = events;
    }

    @Override
    public void testPlanExecutionStarted(TestPlan plan) {
        this.plan = plan;
        ids = new TestIds(plan);
    }

    @Override
    public void executionStarted(TestIdentifier test) {
        startedAt.put(test.getUniqueId(), System.nanoTime());
        if (test.isTest()) {
            events.write(event("start", test));
        } else if (test.getSource().orElse(null) instanceof MethodSource) {
            waitedSince.put(test.getUniqueId(), System.nanoTime());
        }
    }

    @Override
    public void executionSkipped(TestIdentifier test, String reason) {
        told.add(test.getUniqueId());
        events.write(event("end", test).put("s", "skipped").put("us", 0).put("m", Failures.cut(reason, DISPLAY_CHARS)));
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        long end = System.nanoTime();
        Long own = startedAt.remove(test.getUniqueId());
        Long start = began(test, own, end);
        waitedSince.remove(test.getUniqueId());
        boolean successful = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
        if (!test.isTest() && successful) {
            return;
        }
        told.add(test.getUniqueId());
        Json event = event("end", test)
            .put("s", successful ? "passed" : result.getStatus() == TestExecutionResult.Status.ABORTED ? "skipped" : "failed")
            .put("us", start == null ? 0 : (end - start) / 1_000);
        result.getThrowable().ifPresent(error -> event.put("m", Failures.message(error)).put("x", Failures.trace(error)));
        events.write(event);
    }

    /** Invocations may run side by side: then their own beginning is the earlier one. */
    private Long began(TestIdentifier test, Long own, long end) {
        String parent = test.getParentId().orElse("");
        if (!test.isTest() || own == null || !waitedSince.containsKey(parent)) {
            return own;
        }
        return Math.min(own, waitedSince.put(parent, end));
    }

    /** Tests that were planned and never ran: an engine that loses them, a listener that ends the run, is no pass. */
    void tellLost() {
        for (TestIdentifier engine : plan.getRoots()) {
            for (TestIdentifier test : plan.getDescendants(engine)) {
                if (test.isTest() && !hasFate(test)) {
                    events.write(new Json().put("e", "lost").put("t", ids.idOf(test)).put("u", TestIds.key(test.getUniqueId())));
                }
            }
        }
    }

    private boolean hasFate(TestIdentifier test) {
        for (Optional<TestIdentifier> at = Optional.of(test); at.isPresent(); at = at.flatMap(plan::getParent)) {
            if (told.contains(at.get().getUniqueId())) {
                return true;
            }
        }
        return false;
    }

    private Json event(String kind, TestIdentifier test) {
        return new Json().put("e", kind).put("t", ids.idOf(test)).put("u", TestIds.key(test.getUniqueId()))
            .put("d", Failures.cut(test.getDisplayName(), DISPLAY_CHARS));
    }
}
