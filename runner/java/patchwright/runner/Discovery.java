package patchwright.runner;

import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Modifier;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.platform.engine.discovery.ClassSelector;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.TestPlan;

/**
 * The test classes of some jars and folders, as JUnit itself finds them. A class that cannot be loaded but carries a test
 * annotation is a unit too: it will fail when it runs, and must not vanish from the plan.
 */
final class Discovery {
    private Discovery() {
    }

    static void run(String[] command, EventWriter events) throws IOException {
        List<ClassSelector> candidates = new ArrayList<>();
        Map<String, String> unloadable = new TreeMap<>();
        for (int i = 2; i < command.length; i++) {
            scan(new File(Main.decode(command[i])), candidates, unloadable);
        }
        UnitRun.Unresolved unresolved = new UnitRun.Unresolved();
        TestPlan plan = UnitRun.launcher().discover(UnitRun.builder(candidates, unresolved).build());
        for (int i = 0; i < unresolved.selectors.size(); i++) {
            if (unresolved.selectors.get(i) instanceof ClassSelector) {
                unloadable.put(((ClassSelector) unresolved.selectors.get(i)).getClassName(), Failures.message(unresolved.errors.get(i)));
            }
        }
        for (TestIdentifier engine : plan.getRoots()) {
            for (TestIdentifier root : plan.getChildren(engine)) {
                tell(plan, root, events);
                unloadable.remove(new TestIds(plan).idOf(root));
            }
        }
        unloadable.forEach((name, why) -> events.write(new Json().put("e", "unit").put("c", name).put("m", why).put("methods", 0)));
    }

    private static void tell(TestPlan plan, TestIdentifier root, EventWriter events) {
        long methods = plan.getDescendants(root).stream().filter(id -> id.getSource().isPresent() && isMethod(id)).count();
        if (methods > 0 || root.isTest()) {
            events.write(new Json().put("e", "unit").put("c", new TestIds(plan).idOf(root)).put("methods", Math.max(1, methods)));
        }
    }

    private static boolean isMethod(TestIdentifier id) {
        return id.getSource().get() instanceof org.junit.platform.engine.support.descriptor.MethodSource;
    }

    /** A jar, or a folder of classes. */
    private static void scan(File place, List<ClassSelector> candidates, Map<String, String> unloadable) throws IOException {
        if (place.isDirectory()) {
            Path root = place.toPath();
            List<Path> files;
            try (Stream<Path> walk = Files.walk(root)) {
                files = walk.filter(Files::isRegularFile).sorted().collect(Collectors.toList());
            }
            for (Path file : files) {
                String path = root.relativize(file).toString().replace(File.separatorChar, '/');
                consider(path, () -> Files.newInputStream(file), candidates, unloadable);
            }
            return;
        }
        try (JarFile file = new JarFile(place)) {
            for (Enumeration<JarEntry> entries = file.entries(); entries.hasMoreElements();) {
                JarEntry entry = entries.nextElement();
                consider(entry.getName(), () -> file.getInputStream(entry), candidates, unloadable);
            }
        }
    }

    private interface Bytes {
        InputStream open() throws IOException;
    }

    private static void consider(String path, Bytes bytes, List<ClassSelector> candidates, Map<String, String> unloadable) throws IOException {
        // A class of a versioned folder is the same class again; one named `…$1` is anonymous.
        if (!path.endsWith(".class") || path.startsWith("META-INF/") || path.endsWith("-info.class") || path.matches(".*\\$\\d+.*")) {
            return;
        }
        String name = path.substring(0, path.length() - 6).replace('/', '.');
        try {
            Class<?> found = Class.forName(name, false, Main.class.getClassLoader());
            boolean inner = found.isMemberClass() && !Modifier.isStatic(found.getModifiers());
            if (!Modifier.isAbstract(found.getModifiers()) && !inner && mentionsTests(found)) {
                candidates.add(selectClass(found));
            }
        } catch (LinkageError | ClassNotFoundException | RuntimeException error) {
            if (annotated(bytes)) {
                unloadable.put(name, Failures.message(error));
            }
        }
    }

    /** Links the class here, one by one: inside JUnit's discovery some engines take a linkage error for no class at all. */
    private static boolean mentionsTests(Class<?> found) {
        found.getDeclaredMethods();
        return !found.isAnnotation() && !found.isEnum();
    }

    private static boolean annotated(Bytes file) throws IOException {
        try (InputStream in = file.open()) {
            String bytes = new String(in.readAllBytes(), StandardCharsets.ISO_8859_1);
            return bytes.contains("Lorg/junit/jupiter/api/Test;") || bytes.contains("Lorg/junit/Test;")
                || bytes.contains("Lorg/junit/jupiter/params/ParameterizedTest;") || bytes.contains("Lorg/junit/jupiter/api/TestFactory;")
                || bytes.contains("Lorg/junit/jupiter/api/RepeatedTest;");
        }
    }
}
