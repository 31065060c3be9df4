package io.patchwright.traffic;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Single records, each its own batch (batching hides what a slow node does), acknowledged by all in-sync replicas,
 * idempotent, in turn to every partition. A record is {run, sequence in its partition, time sent}.
 */
final class Producing implements Runnable {
  /** More than this waiting, and nothing is sent: memory stays bounded, and a stall ends without a flood. */
  private static final int MOST_OUTSTANDING = 3_000;

  private final KafkaProducer<byte[], byte[]> producer;
  private final Settings settings;
  private final int run;
  private final int partitions;
  private final Counters counters;
  private final SegmentLog acks;
  private final AtomicInteger outstanding = new AtomicInteger();
  private final AtomicIntegerArray outstandingIn;
  private volatile double rate;
  private volatile boolean ending;

  Producing(Settings settings, int run, int partitions, Counters counters, SegmentLog acks) {
    this.settings = settings;
    this.run = run;
    this.partitions = partitions;
    this.counters = counters;
    this.acks = acks;
    outstandingIn = new AtomicIntegerArray(partitions);
    producer =
        new KafkaProducer<>(
            Map.ofEntries(
                Map.entry("bootstrap.servers", settings.bootstrap()),
                Map.entry("client.id", "patchwright-canary"),
                Map.entry("acks", "all"),
                Map.entry("enable.idempotence", true),
                Map.entry("linger.ms", 0),
                Map.entry("batch.size", 0),
                Map.entry("buffer.memory", 4 << 20),
                Map.entry("max.block.ms", 2_000),
                Map.entry("request.timeout.ms", 5_000),
                Map.entry("delivery.timeout.ms", 10_000),
                Map.entry("reconnect.backoff.max.ms", 500),
                Map.entry("key.serializer", ByteArraySerializer.class),
                Map.entry("value.serializer", ByteArraySerializer.class)));
  }

  /** Records a second over all partitions; 0 pauses. */
  void setRate(double recordsPerSecond) {
    rate = recordsPerSecond;
  }

  double rate() {
    return rate;
  }

  @Override
  public void run() {
    int[] sequences = new int[partitions];
    int partition = 0;
    long due = System.nanoTime();
    while (!ending) {
      double now = rate;
      if (now <= 0) {
        LockSupport.parkNanos(50_000_000);
        due = System.nanoTime();
        continue;
      }
      due += (long) (1e9 / now);
      long wait = due - System.nanoTime();
      // Never catches up on time that was lost: a burst would measure itself.
      if (wait < -1_000_000_000L) due = System.nanoTime();
      while (wait > 0 && !ending) {
        // In small steps, so that a change of the rate is not waited out.
        LockSupport.parkNanos(Math.min(wait, 100_000_000));
        wait = due - System.nanoTime();
      }
      if (outstanding.get() >= MOST_OUTSTANDING) counters.skipped();
      else send(partition, sequences[partition]++);
      partition = (partition + 1) % partitions;
    }
    producer.close(Duration.ofSeconds(3));
  }

  private void send(int partition, int sequence) {
    byte[] value = ByteBuffer.allocate(16).putInt(run).putInt(sequence).putLong(System.currentTimeMillis()).array();
    long sentNanos = System.nanoTime();
    counters.sent(partition, sentNanos);
    outstanding.incrementAndGet();
    outstandingIn.incrementAndGet(partition);
    try {
      producer.send(
          new ProducerRecord<>(settings.topic(), partition, null, value),
          (metadata, problem) -> {
            outstanding.decrementAndGet();
            boolean more = outstandingIn.decrementAndGet(partition) > 0;
            if (problem == null) acknowledged(partition, sequence, metadata.offset(), sentNanos, more);
            else failed(problem);
          });
    } catch (RuntimeException refused) {
      outstanding.decrementAndGet();
      outstandingIn.decrementAndGet(partition);
      failed(refused);
    }
  }

  private void acknowledged(int partition, int sequence, long offset, long sentNanos, boolean more) {
    long nanos = System.nanoTime();
    acks.acknowledged(System.currentTimeMillis(), partition, (nanos - sentNanos) / 1_000_000, sequence, offset);
    counters.acked(partition, offset, sentNanos, nanos, more);
  }

  private void failed(Exception problem) {
    // What was under way when we were told to end was neither refused nor lost.
    if (!ending) counters.failed(problem.getClass().getSimpleName(), problem instanceof TimeoutException);
  }

  void end() {
    ending = true;
    producer.close(Duration.ofSeconds(3));
  }
}
