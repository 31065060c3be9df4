package io.patchwright.traffic;

import java.nio.file.Path;

/**
 * Canary traffic of one environment: produces steadily, reads everything back in a consumer group, and writes down
 * each acknowledged and each read record, so that somebody else can account for all of them.
 *
 * <pre>
 *   run DIR                          until it is told to end (SIGTERM)
 *   verify BOOTSTRAP TOPIC FILE      looks records up in the topic itself; see Verify
 *   rehearse BOOTSTRAP LEDGER STEP REPLICAS   one step of a downgrade rehearsal; see Rehearsal
 * </pre>
 */
public final class Main {
  private Main() {}

  public static void main(String[] args) throws Exception {
    if (args.length == 2 && args[0].equals("run")) run(Path.of(args[1]));
    else if (args.length == 4 && args[0].equals("verify")) Verify.run(args[1], args[2], Path.of(args[3]));
    else if (args.length == 5 && args[0].equals("rehearse")) Rehearsal.run(args[1], Path.of(args[2]), args[3], Short.parseShort(args[4]));
    else throw new IllegalArgumentException("usage: run DIR | verify BOOTSTRAP TOPIC FILE | rehearse BOOTSTRAP LEDGER STEP REPLICAS");
  }

  private static void run(Path dir) throws Exception {
    Settings settings = Settings.read(dir);
    int run = Settings.nextRun(dir);
    int partitions = Topic.ensure(settings);
    Counters counters = new Counters(partitions, Settings.readCommitted(dir, partitions));
    SegmentLog acks = new SegmentLog(dir, "acks", run);
    SegmentLog reads = new SegmentLog(dir, "reads", run);
    Producing producing = new Producing(settings, run, partitions, counters, acks);
    Reading reading = new Reading(settings, partitions, counters, reads);
    Samples samples = new Samples(dir, run, partitions, counters, producing, acks, reads);
    CommitWatch watch = new CommitWatch(settings, counters);

    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  producing.end();
                  reading.end();
                  watch.end();
                  samples.end();
                  acks.close();
                  reads.close();
                }));
    start("produce", producing);
    start("read", reading);
    start("watch", watch);
    start("sample", samples);
    System.out.println("traffic runs: run " + run + ", " + partitions + " partitions");
  }

  /** A thread that fails takes the process down: half a traffic would account for half the records. */
  private static void start(String name, Runnable work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (Throwable problem) {
                problem.printStackTrace();
                Runtime.getRuntime().exit(1);
              }
            },
            name);
    thread.start();
  }
}
