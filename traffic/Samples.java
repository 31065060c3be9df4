package io.patchwright.traffic;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Properties;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The clockwork: flushes the logs each tenth of a second, reads the wanted rate, writes a line of figures each second
 * ({@code samples-RUN-STARTMS.jsonl}), and removes files that nobody needs any more.
 */
final class Samples implements Runnable {
  private static final long TICK_MS = 100;
  private static final long FILE_MS = 3_600_000;
  /** Kept for whoever looks later; open windows (keep.properties) keep theirs for longer. */
  private static final long KEPT_MS = 4 * 3_600_000L;

  private static final long STUCK_NANOS = 10_000_000_000L;
  private static final Pattern SEGMENT = Pattern.compile("(acks|reads|samples)-\\d+-\\d+\\.(bin|jsonl)");

  private final Path dir;
  private final int run;
  private final Counters counters;
  private final Producing producing;
  private final SegmentLog acks;
  private final SegmentLog reads;
  private Writer file;
  private long fileStart;
  private volatile boolean ending;

  Samples(Path dir, int run, int partitions, Counters counters, Producing producing, SegmentLog acks, SegmentLog reads) {
    this.dir = dir;
    this.run = run;
    this.counters = counters;
    this.producing = producing;
    this.acks = acks;
    this.reads = reads;
  }

  @Override
  public void run() {
    try {
      for (long tick = 0; !ending; tick++) {
        if (tick % 2 == 0) producing.setRate(wantedRate());
        acks.flush();
        reads.flush();
        if (tick % 10 == 9) sample();
        if (tick % 600 == 0) removeOld();
        Thread.sleep(TICK_MS);
      }
    } catch (IOException problem) {
      throw new UncheckedIOException(problem);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private double wantedRate() throws IOException {
    return Double.parseDouble(Settings.properties(dir.resolve("control.properties")).getProperty("rate", "0"));
  }

  private synchronized void sample() throws IOException {
    long now = System.currentTimeMillis();
    if (file == null || now - fileStart > FILE_MS) {
      if (file != null) file.close();
      fileStart = now;
      file = Files.newBufferedWriter(dir.resolve("samples-" + Integer.toUnsignedLong(run) + "-" + now + ".jsonl"), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }
    String head = "{\"t\":" + now + ",\"run\":" + Integer.toUnsignedLong(run) + ",\"rate\":" + producing.rate() + ",";
    file.write(head + counters.takeSample(STUCK_NANOS) + "}\n");
    file.flush();
    Settings.writeCommitted(dir, counters.confirmed());
  }

  private void removeOld() throws IOException {
    Properties keep = Settings.properties(dir.resolve("keep.properties"));
    long keepFrom = Math.min(System.currentTimeMillis() - KEPT_MS, Long.parseLong(keep.getProperty("fromMs", Long.toString(Long.MAX_VALUE))));
    try (DirectoryStream<Path> files = Files.newDirectoryStream(dir)) {
      for (Path path : files) {
        Matcher name = SEGMENT.matcher(path.getFileName().toString());
        if (name.matches() && Files.getLastModifiedTime(path).toMillis() < keepFrom) Files.delete(path);
      }
    }
  }

  void end() {
    ending = true;
    try {
      sample();
    } catch (IOException problem) {
      throw new UncheckedIOException(problem);
    }
  }
}
