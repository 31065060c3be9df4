package io.patchwright.traffic;

import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** Asks the cluster for the group's offsets and compares them with what it confirmed before: they only go forward. */
final class CommitWatch implements Runnable {
  private static final int EVERY_MS = 2_000;

  private final Settings settings;
  private final Counters counters;
  private volatile boolean ending;

  CommitWatch(Settings settings, Counters counters) {
    this.settings = settings;
    this.counters = counters;
  }

  @Override
  public void run() {
    Map<String, Object> config =
        Map.of("bootstrap.servers", settings.bootstrap(), "client.id", "patchwright-canary-watch", "request.timeout.ms", 5_000, "default.api.timeout.ms", 10_000);
    try (Admin admin = Admin.create(config)) {
      while (!ending) {
        Thread.sleep(EVERY_MS);
        // Taken before the question, so that the answer may only be the same or more.
        compare(counters.confirmed(), admin);
      }
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private void compare(long[] confirmed, Admin admin) throws InterruptedException {
    Map<TopicPartition, OffsetAndMetadata> found;
    try {
      found = admin.listConsumerGroupOffsets(settings.group()).partitionsToOffsetAndMetadata().get(8, TimeUnit.SECONDS);
    } catch (ExecutionException | TimeoutException noAnswer) {
      // No coordinator for a moment; the next look compares with the same offsets.
      if (!ending) System.err.println("no offsets of group " + settings.group() + ": " + noAnswer);
      return;
    }
    for (int partition = 0; partition < confirmed.length; partition++) {
      if (confirmed[partition] < 0) continue;
      OffsetAndMetadata now = found.get(new TopicPartition(settings.topic(), partition));
      long offset = now == null ? -1 : now.offset();
      if (offset >= confirmed[partition]) continue;
      System.err.println("committed offset of partition " + partition + " moved back from " + confirmed[partition] + " to " + offset);
      counters.movedBack(partition, offset);
    }
  }

  void end() {
    ending = true;
  }
}
