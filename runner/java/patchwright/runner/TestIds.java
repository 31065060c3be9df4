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
    private static final int KEY_CHARS = 8_000;
    /** The pattern above takes the square of a name's length where that is made of brackets. */
    private static final int NAME_CHARS = 2_000;

    private final TestPlan plan;
    private final Map<String, String> byUniqueId = new HashMap<>();
    private final Map<String, Integer> seen = new HashMap<>();

    TestIds(TestPlan plan) {
        this.plan = plan;
    }

    synchronized String idOf(TestIdentifier test) {
        String known = byUniqueId.get(test.getUniqueId());
        if (known == null) {
            String id = shortened(compose(test));
            int count = seen.merge(id, 1, Integer::sum);
            known = count == 1 ? id : id + "~" + count;
            byUniqueId.put(test.getUniqueId(), known);
        }
        return known;
    }

    /** A unique id as it is told; one that holds a megabyte of arguments (JUnit 4) cannot be told, and is named. */
    static String key(String uniqueId) {
        if (uniqueId.length() <= KEY_CHARS) {
            return uniqueId;
        }
        return "long:" + uniqueId.substring(0, 200) + "…" + uniqueId.length() + "." + Integer.toHexString(uniqueId.hashCode());
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
        String name = test.getDisplayName();
        if (name.length() > NAME_CHARS) {
            name = name.substring(0, NAME_CHARS) + (name.endsWith("]") ? "]" : "");
        }
        if (!test.isTest()) {
            Matcher group = INDEXED.matcher(name);
            return group.matches() ? className + "[" + group.group(2) + "]" : className;
        }
        Matcher indexed = INDEXED.matcher(name);
        return indexed.matches()
            ? className + "#" + indexed.group(1) + "()[" + indexed.group(2) + "]"
            : className + "#" + name + "()";
    }

    /** Two long names that begin alike stay two, whatever runs first. */
    private static String shortened(String id) {
        return id.length() <= ID_CHARS ? id : id.substring(0, ID_CHARS - 20) + "…" + Integer.toHexString(id.hashCode());
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
