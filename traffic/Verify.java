package io.patchwright.traffic;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Looks acknowledged records up in the topic itself, without the group. The file has a line each, "PARTITION OFFSET RUN
 * SEQUENCE"; a record is found when the one at that offset says this run and this sequence. Prints one line:
 * {"wanted": n, "found": n, "expired": n, "missing": ["PARTITION OFFSET RUN SEQUENCE" …, at most 20]}. Expired: below
 * the first offset that the topic still keeps.
 */
final class Verify {
  private static final long SILENCE_MS = 10_000;

  private Verify() {}

  private record Wanted(int run, int sequence, String line) {}

  static void run(String bootstrap, String topic, Path file) throws IOException {
    Map<Integer, TreeMap<Long, Wanted>> wanted = new TreeMap<>();
    int count = 0;
    for (String line : Files.readAllLines(file)) {
      String[] f = line.split(" ");
      Wanted record = new Wanted((int) Long.parseLong(f[2]), (int) Long.parseLong(f[3]), line);
      wanted.computeIfAbsent(Integer.parseInt(f[0]), p -> new TreeMap<>()).put(Long.parseLong(f[1]), record);
      count++;
    }
    Map<String, Object> config =
        Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", false, "auto.offset.reset", "none",
            "key.deserializer", ByteArrayDeserializer.class, "value.deserializer", ByteArrayDeserializer.class);
    int expired = 0;
    List<String> missing = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
      for (Map.Entry<Integer, TreeMap<Long, Wanted>> partition : wanted.entrySet()) {
        TopicPartition place = new TopicPartition(topic, partition.getKey());
        TreeMap<Long, Wanted> left = partition.getValue();
        consumer.assign(List.of(place));
        long first = consumer.beginningOffsets(List.of(place)).get(place);
        expired += left.headMap(first).size();
        left.headMap(first).clear();
        lookUp(consumer, place, left);
        for (Wanted record : left.values()) missing.add(record.line());
      }
    }
    String examples = String.join("\",\"", missing.subList(0, Math.min(20, missing.size())));
    System.out.println(
        "{\"wanted\":" + count + ",\"found\":" + (count - expired - missing.size()) + ",\"expired\":" + expired
            + ",\"missing\":[" + (missing.isEmpty() ? "" : "\"" + examples + "\"") + "]}");
  }

  /** Reads from the first wanted offset to the last, taking out of {@code left} what is as it should be. */
  private static void lookUp(KafkaConsumer<byte[], byte[]> consumer, TopicPartition place, TreeMap<Long, Wanted> left) {
    if (left.isEmpty()) return;
    long end = Math.min(left.lastKey() + 1, consumer.endOffsets(List.of(place)).get(place));
    consumer.seek(place, left.firstKey());
    long heard = System.currentTimeMillis();
    while (consumer.position(place) < end) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500)).records(place)) {
        heard = System.currentTimeMillis();
        Wanted expected = left.get(record.offset());
        if (expected == null || record.value().length != 16) continue;
        ByteBuffer value = ByteBuffer.wrap(record.value());
        if (value.getInt() == expected.run() && value.getInt() == expected.sequence()) left.remove(record.offset());
      }
      if (System.currentTimeMillis() - heard > SILENCE_MS) throw new IllegalStateException(place + " does not answer");
    }
  }
}
