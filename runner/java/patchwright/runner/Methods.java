package patchwright.runner;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.lang.annotation.Annotation;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.junit.platform.launcher.LauncherDiscoveryListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Parts of a class. What a part takes and what the last one leaves out are told by the same ids, made by the same
 * code: whatever the class holds runs in exactly one of them.
 */
final class Methods {
    /** Invocations that JUnit 4 lists in advance, and ids that would be the same, belong to one method. */
    private static final Pattern COUNTED = Pattern.compile("(\\[\\d+\\])*(~\\d+)?$");
    /** A class that asks for an order, or for one instance, may pass on something from test to test. */
    private static final Set<String> WHOLE = Set.of("TestMethodOrder", "FixMethodOrder", "TestInstance", "Stepwise");

    private Methods() {
    }

    /** Tells the methods of classes, and which classes must stay whole. */
    static void run(String[] command, EventWriter events) {
        for (int i = 2; i < command.length; i++) {
            String className = Main.decode(command[i]);
            String ordered = ordered(className);
            if (ordered != null) {
                events.write(new Json().put("e", "whole").put("c", className).put("m", ordered));
            }
            for (String method : new HashSet<>(leaves(className, new UnitRun.Unresolved()).values())) {
                events.write(new Json().put("e", "method").put("c", className).put("t", method));
            }
        }
    }

    /** The unique ids of a class that a part does not take. {@code only}: it takes these methods, otherwise all but these. */
    static Set<String> without(String className, boolean only, Set<String> methods) {
        Set<String> left = new HashSet<>();
        leaves(className, new UnitRun.Unresolved()).forEach((uniqueId, method) -> {
            if (methods.contains(method) != only) {
                left.add(uniqueId);
            }
        });
        return left;
    }

    /** What a class has before it runs, by unique id: a parameterised or dynamic method is one leaf. */
    private static Map<String, String> leaves(String className, LauncherDiscoveryListener listener) {
        TestPlan plan = UnitRun.launcher().discover(UnitRun.builder(List.of(selectClass(className)), listener).build());
        TestIds ids = new TestIds(plan);
        Map<String, String> leaves = new LinkedHashMap<>();
        for (TestIdentifier engine : plan.getRoots()) {
            for (TestIdentifier test : plan.getDescendants(engine)) {
                if (plan.getChildren(test).isEmpty()) {
                    leaves.put(test.getUniqueId(), COUNTED.matcher(ids.idOf(test)).replaceFirst(""));
                }
            }
        }
        return leaves;
    }

    private static String ordered(String className) {
        try {
            Class<?> found = Class.forName(className, false, Methods.class.getClassLoader());
            return ordered(found.getAnnotations(), new HashSet<>());
        } catch (ClassNotFoundException | LinkageError error) {
            return Failures.message(error);
        }
    }

    /** Annotations may be made of others. */
    private static String ordered(Annotation[] annotations, Set<Class<?>> seen) {
        for (Annotation annotation : annotations) {
            Class<?> type = annotation.annotationType();
            if (WHOLE.contains(type.getSimpleName())) {
                return "@" + type.getSimpleName();
            }
            if (seen.add(type)) {
                String inner = ordered(type.getAnnotations(), seen);
                if (inner != null) {
                    return inner;
                }
            }
        }
        return null;
    }
}
