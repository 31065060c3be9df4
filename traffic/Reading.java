package io.patchwright.traffic;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Reads every record in a consumer group, writes down which, and commits every second, never before what it commits is
 * written down. One member with a fixed name: a second process of this folder would be fenced, and a restart takes its
 * partitions back at once.
 */
final class Reading implements Runnable {
  private static final long COMMIT_NANOS = 1_000_000_000L;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final Settings settings;
  private final int partitions;
  private final Counters counters;
  private final SegmentLog reads;
  private final Map<TopicPartition, OffsetAndMetadata> toCommit = new HashMap<>();
  private final CountDownLatch ended = new CountDownLatch(1);
  private boolean committing;
  private volatile boolean ending;

  Reading(Settings settings, int partitions, Counters counters, SegmentLog reads) {
    this.settings = settings;
    this.partitions = partitions;
    this.counters = counters;
    this.reads = reads;
    consumer =
        new KafkaConsumer<>(
            Map.ofEntries(
                Map.entry("bootstrap.servers", settings.bootstrap()),
                Map.entry("client.id", "patchwright-canary"),
                Map.entry("group.id", settings.group()),
                Map.entry("group.instance.id", "patchwright-canary-1"),
                Map.entry("enable.auto.commit", false),
                Map.entry("auto.offset.reset", "earliest"),
                // A fetch for each record would cost more than the records: gather for a moment. Not for longer: a gate wants
                // to have seen some hundred fetches of each broker in half a minute.
                Map.entry("fetch.min.bytes", 64 << 10),
                Map.entry("fetch.max.wait.ms", 100),
                Map.entry("session.timeout.ms", 10_000),
                Map.entry("request.timeout.ms", 5_000),
                Map.entry("default.api.timeout.ms", 10_000),
                Map.entry("reconnect.backoff.max.ms", 500),
                Map.entry("key.deserializer", ByteArrayDeserializer.class),
                Map.entry("value.deserializer", ByteArrayDeserializer.class)));
  }

  @Override
  public void run() {
    consumer.subscribe(List.of(settings.topic()));
    long committedAt = System.nanoTime();
    try {
      while (!ending) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) take(record);
        long now = System.nanoTime();
        if (now - committedAt < COMMIT_NANOS || committing || toCommit.isEmpty()) continue;
        committedAt = now;
        commit();
      }
    } catch (WakeupException toldToEnd) {
      if (!ending) throw toldToEnd;
    } finally {
      reads.flush();
      if (!toCommit.isEmpty() && ending) consumer.commitAsync(toCommit, null);
      // Stays a member in name, so that whoever comes next takes over without a rebalance.
      consumer.close(Duration.ofSeconds(2));
      ended.countDown();
    }
  }

  private void take(ConsumerRecord<byte[], byte[]> record) {
    toCommit.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
    if (record.value() == null || record.value().length != 16 || record.partition() >= partitions) return;
    ByteBuffer value = ByteBuffer.wrap(record.value());
    reads.read(System.currentTimeMillis(), value.getInt(), record.partition(), value.getInt());
    counters.read(record.partition(), record.offset());
  }

  /** One at a time: two under way could arrive in the wrong order and move an offset back by our own hand. */
  private void commit() {
    reads.flush();
    committing = true;
    consumer.commitAsync(
        new HashMap<>(toCommit),
        (offsets, problem) -> {
          committing = false;
          if (problem == null) offsets.forEach((partition, offset) -> counters.committed(partition.partition(), offset.offset()));
          else {
            counters.commitFailed();
            // With the next try, unless more was read since.
            offsets.forEach(toCommit::putIfAbsent);
          }
        });
    toCommit.clear();
  }

  void end() {
    ending = true;
    consumer.wakeup();
    try {
      if (!ended.await(4, TimeUnit.SECONDS)) System.err.println("the consumer did not end in time");
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
