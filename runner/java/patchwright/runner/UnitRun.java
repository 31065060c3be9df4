package patchwright.runner;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectUniqueId;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.FilterResult;
import org.junit.platform.engine.SelectorResolutionResult;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.launcher.Launcher;
import org.junit.platform.launcher.LauncherDiscoveryListener;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.PostDiscoveryFilter;
import org.junit.platform.launcher.TestPlan;
import org.junit.platform.launcher.core.LauncherConfig;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** One selector through the JUnit Platform. */
final class UnitRun {
    private UnitRun() {
    }

    static void run(String[] command, EventWriter events) {
        Unresolved unresolved = new Unresolved();
        Set<String> without = new HashSet<>();
        for (int i = 3; i < command.length; i++) {
            without.add(Main.decode(command[i]));
        }
        String selector = Main.decode(command[2]);
        if (selector.startsWith("s:") || selector.startsWith("x:")) {
            without.addAll(notInPart(selector));
        }
        LauncherDiscoveryRequest request = builder(List.of(parse(selector)), unresolved)
            .filters((PostDiscoveryFilter) test -> {
                String id = test.getUniqueId().toString();
                return FilterResult.includedIf(!without.contains(id) && !without.contains(TestIds.key(id)));
            })
            .build();
        Launcher launcher = launcher();
        TestPlan plan = launcher.discover(request);
        long found = plan.countTestIdentifiers(id -> id.isTest());
        events.write(new Json().put("e", "found").put("tests", found));
        for (Throwable error : unresolved.errors) {
            events.write(new Json().put("e", "unresolved").put("m", Failures.message(error)).put("x", Failures.trace(error)));
        }
        TestListener listener = new TestListener(events);
        launcher.execute(plan, listener);
        listener.tellLost();
    }

    /** {@code s:CLASS;METHOD…}, {@code x:CLASS;METHOD…}; a method with a class of its own is one of a nested class. */
    private static Set<String> notInPart(String selector) {
        String[] words = selector.substring(2).split(";");
        Set<String> methods = new HashSet<>();
        for (int i = 1; i < words.length; i++) {
            methods.add(words[i].contains("#") ? words[i] : words[0] + "#" + words[i]);
        }
        return Methods.without(words[0], selector.startsWith("s:"), methods);
    }

    static Launcher launcher() {
        // Listeners that a test jar registers as a service are the jar's own affair: they stay.
        return LauncherFactory.create(LauncherConfig.builder().build());
    }

    static LauncherDiscoveryRequestBuilder builder(List<? extends DiscoverySelector> selectors, LauncherDiscoveryListener listener) {
        return LauncherDiscoveryRequestBuilder.request()
            .selectors(selectors)
            // By default the first class that cannot be loaded ends the discovery of all the others.
            .configurationParameter("junit.platform.discovery.listener.default", "logging")
            .listeners(listener);
    }

    private static DiscoverySelector parse(String selector) {
        String rest = selector.substring(2);
        switch (selector.substring(0, 2)) {
            case "c:":
                return selectClass(rest);
            case "s:":
            case "x:":
                return selectClass(rest.split(";")[0]);
            case "m:":
                return selectMethod(rest);
            case "u:":
                return selectUniqueId(rest);
            default:
                throw new IllegalArgumentException("unknown selector " + selector);
        }
    }

    /** What could not be loaded: an error of its own, never a class without tests. */
    static final class Unresolved implements LauncherDiscoveryListener {
        final List<Throwable> errors = new ArrayList<>();
        final List<DiscoverySelector> selectors = new ArrayList<>();

        @Override
        public void selectorProcessed(UniqueId engine, DiscoverySelector selector, SelectorResolutionResult result) {
            if (result.getStatus() == SelectorResolutionResult.Status.FAILED) {
                Throwable error = result.getThrowable().orElseGet(() -> new IllegalStateException("not resolved: " + selector));
                // JUnit wraps what happened; whether a class is missing or broken is what a verdict depends on.
                while (error.getCause() != null && error.getCause() != error) {
                    error = error.getCause();
                }
                selectors.add(selector);
                errors.add(error);
            }
        }
    }
}
