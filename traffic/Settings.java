package io.patchwright.traffic;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Properties;

/** What stays the same for a run (traffic.properties), and small files of properties in its folder. */
record Settings(Path dir, String bootstrap, String topic, int partitions, String group, int replicas) {

  static Settings read(Path dir) throws IOException {
    Properties p = properties(dir.resolve("traffic.properties"));
    return new Settings(
        dir,
        p.getProperty("bootstrap"),
        p.getProperty("topic"),
        Integer.parseInt(p.getProperty("partitions")),
        p.getProperty("group"),
        Integer.parseInt(p.getProperty("replicas")));
  }

  /** A number of its own for each start: seconds since 1970, and more than the last. */
  static int nextRun(Path dir) throws IOException {
    Path file = dir.resolve("run.properties");
    long last = Long.parseLong(properties(file).getProperty("run", "0"));
    long run = Math.max(last + 1, System.currentTimeMillis() / 1000);
    Properties next = new Properties();
    next.setProperty("run", Long.toString(run));
    replace(file, next);
    return (int) run;
  }

  /** The offsets that were committed and confirmed before, by partition; -1 where there is none. */
  static long[] readCommitted(Path dir, int partitions) throws IOException {
    Properties p = properties(dir.resolve("committed.properties"));
    long[] committed = new long[partitions];
    for (int i = 0; i < partitions; i++) committed[i] = Long.parseLong(p.getProperty(Integer.toString(i), "-1"));
    return committed;
  }

  static void writeCommitted(Path dir, long[] committed) throws IOException {
    Properties p = new Properties();
    for (int i = 0; i < committed.length; i++) p.setProperty(Integer.toString(i), Long.toString(committed[i]));
    replace(dir.resolve("committed.properties"), p);
  }

  /** Empty where there is no such file. */
  static Properties properties(Path file) throws IOException {
    Properties properties = new Properties();
    try (InputStream in = Files.newInputStream(file)) {
      properties.load(in);
    } catch (NoSuchFileException none) {
      return properties;
    }
    return properties;
  }

  private static void replace(Path file, Properties properties) throws IOException {
    Path temporary = file.resolveSibling(file.getFileName() + ".tmp");
    try (OutputStream out = Files.newOutputStream(temporary)) {
      properties.store(out, null);
    }
    try {
      Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    } catch (AtomicMoveNotSupportedException notHere) {
      Files.move(temporary, file, StandardCopyOption.REPLACE_EXISTING);
    }
  }
}
