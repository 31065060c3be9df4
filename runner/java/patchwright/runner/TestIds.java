package patchwright.runner;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.platform.engine.TestSource;
import org.junit.platform.engine.UniqueId;
import org.junit.platform.engine.support.descriptor.ClassSource;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * Ids that are the same in every run: {@code class#method(params)[n]}. Display names are not: they may hold object
 * hashes, times and whatever the arguments print as.
 */
final class TestIds {
    private static final Pattern INDEXED = Pattern.compile("^(.*?)\\[(\\d+)(?:[^\\]].*)?\\]$", Pattern.DOTALL);
    private static final int ID_CHARS = 900;

    private final TestPlan plan;
    private final Map<String, String> byUniqueId = new HashMap<>();
    private final Map<String, Integer> seen = new HashMap<>();

    TestIds(TestPlan plan) {
        this.plan = plan;
    }

    synchronized String idOf(TestIdentifier test) {
        String known = byUniqueId.get(test.getUniqueId());
        if (known == null) {
            String id = Failures.cut(compose(test), ID_CHARS);
            int count = seen.merge(id, 1, Integer::sum);
            known = count == 1 ? id : id + "~" + count;
            byUniqueId.put(test.getUniqueId(), known);
        }
        return known;
    }

    private String compose(TestIdentifier test) {
        StringBuilder indices = new StringBuilder();
        boolean vintage = false;
        for (UniqueId.Segment segment : test.getUniqueIdObject().getSegments()) {
            vintage |= segment.getType().equals("engine") && segment.getValue().equals("junit-vintage");
            if (segment.getValue().matches("#\\d+")) {
                indices.append('[').append(segment.getValue().substring(1)).append(']');
            }
        }
        return vintage ? vintageId(test) : sourceId(test) + indices;
    }

    /** The nearest method or class that says where this comes from; a dynamic test has it from its factory. */
    private String sourceId(TestIdentifier test) {
        for (Optional<TestIdentifier> at = Optional.of(test); at.isPresent(); at = at.flatMap(plan::getParent)) {
            TestSource source = at.get().getSource().orElse(null);
            if (source instanceof MethodSource) {
                MethodSource method = (MethodSource) source;
                String params = String.valueOf(method.getMethodParameterTypes()).replace(" ", "");
                return method.getClassName() + "#" + method.getMethodName() + "(" + (params.equals("null") ? "" : params) + ")";
            }
            if (source instanceof ClassSource) {
                return ((ClassSource) source).getClassName();
            }
        }
        return test.getUniqueId();
    }

    /** JUnit 4 keeps the parameter in the method's name: {@code method[3]}, {@code method[3: text]}. */
    private String vintageId(TestIdentifier test) {
        String className = classOf(test);
        if (!test.isTest()) {
            Matcher group = INDEXED.matcher(test.getDisplayName());
            return group.matches() ? className + "[" + group.group(2) + "]" : className;
        }
        Matcher indexed = INDEXED.matcher(test.getDisplayName());
        return indexed.matches()
            ? className + "#" + indexed.group(1) + "()[" + indexed.group(2) + "]"
            : className + "#" + test.getDisplayName() + "()";
    }

    private String classOf(TestIdentifier test) {
        for (Optional<TestIdentifier> at = Optional.of(test); at.isPresent(); at = at.flatMap(plan::getParent)) {
            TestSource source = at.get().getSource().orElse(null);
            if (source instanceof MethodSource) {
                return ((MethodSource) source).getClassName();
            }
            if (source instanceof ClassSource) {
                return ((ClassSource) source).getClassName();
            }
        }
        return test.getUniqueId();
    }
}
