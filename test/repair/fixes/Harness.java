import java.io.StringWriter;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;

/**
 * `java Harness.java HIDDEN DIR...`: compiles each folder with the hidden tests beside it, runs the tests that its author
 * could see and those that he could not, and prints a line for each: folder, what failed of the one, what of the other.
 */
public class Harness {
  public static void main(String[] args) throws Exception {
    for (String dir : Arrays.asList(args).subList(1, args.length)) {
      Path classes = Files.createTempDirectory(Path.of(dir), "classes");
      List<String> sources = new ArrayList<>(List.of("-d", classes.toString()));
      for (String root : List.of(dir + "/src", args[0])) {
        try (var walk = Files.walk(Path.of(root))) {
          walk.filter(file -> file.toString().endsWith(".java")).forEach(file -> sources.add(file.toString()));
        }
      }
      var said = new java.io.ByteArrayOutputStream();
      int status = ToolProvider.getSystemJavaCompiler().run(null, null, said, sources.toArray(new String[0]));
      if (status != 0) throw new IllegalStateException(dir + " does not compile: " + said);
      try (URLClassLoader loader = new URLClassLoader(new URL[] {classes.toUri().toURL()})) {
        System.out.println(dir + "\t" + failures(loader, "meter.MeterTest") + "\t" + failures(loader, "meter.HiddenTest"));
      }
    }
  }

  /** Each test in a thread of its own: some fixes sleep, and would be slept through one by one. */
  private static String failures(ClassLoader loader, String name) throws Exception {
    Class<?> tests = loader.loadClass(name);
    List<String> failed = Collections.synchronizedList(new ArrayList<>());
    List<Thread> running = new ArrayList<>();
    for (Method method : tests.getDeclaredMethods()) {
      List<String> marks = Arrays.stream(method.getAnnotations()).map(mark -> mark.annotationType().getSimpleName()).toList();
      if (!marks.contains("Test") || marks.contains("Disabled")) continue;
      running.add(new Thread(() -> {
        if (fails(tests, method)) failed.add(method.getName());
      }));
    }
    running.forEach(Thread::start);
    for (Thread one : running) one.join();
    return failed.stream().sorted().collect(Collectors.joining(","));
  }

  private static boolean fails(Class<?> tests, Method method) {
    try {
      var constructor = tests.getDeclaredConstructor();
      constructor.setAccessible(true);
      method.setAccessible(true);
      method.invoke(constructor.newInstance());
      return false;
    } catch (InvocationTargetException thrown) {
      return true;
    } catch (ReflectiveOperationException broken) {
      // No answer of a test: a run in which one is missing would pass for a good one.
      System.err.println(method + ": " + broken);
      System.exit(1);
      return true;
    }
  }
}
