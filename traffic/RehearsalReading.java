package io.patchwright.traffic;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** Reads everything that a rehearsal wrote from its beginning, and says what is not as it was acknowledged. */
final class RehearsalReading {
  private static final Duration POLL = Duration.ofMillis(500);
  private static final long SILENCE_MS = 30_000;

  private final String bootstrap;
  private final RehearsalLedger ledger;
  private List<String> problems = List.of();

  RehearsalReading(String bootstrap, RehearsalLedger ledger) {
    this.bootstrap = bootstrap;
    this.ledger = ledger;
  }

  List<String> problems() {
    return problems;
  }

  /** Every record at its offset and none besides, every key's newest value, every committed offset. */
  List<String> compare() throws Exception {
    problems = new ArrayList<>();
    compareRecords(Rehearsal.PLAIN);
    compareRecords(Rehearsal.TRANSACTIONAL);
    compareKeys();
    compareOffsets();
    return problems;
  }

  private void compareRecords(String topic) {
    Set<String> missing = new HashSet<>();
    for (String place : ledger.records.keySet()) if (place.startsWith(topic + "/")) missing.add(place);
    readAll(
        topic,
        record -> {
          String place = topic + "/" + record.partition() + "/" + record.offset();
          String expected = ledger.records.get(place);
          missing.remove(place);
          if (expected == null) problems.add("a record that nobody wrote, or that was aborted, at " + place);
          else if (!expected.equals(digest(record.timestamp(), record.key(), record.headers(), record.value())))
            problems.add("another record than was written at " + place);
        });
    for (String place : missing) problems.add("no record any more at " + place);
  }

  private void compareKeys() {
    Map<String, String> newest = new HashMap<>();
    readAll(
        Rehearsal.COMPACTED,
        record -> {
          String key = record.partition() + "/" + new String(record.key(), StandardCharsets.UTF_8);
          newest.put(key, record.value() == null ? RehearsalLedger.DELETED : digest(record.value()));
        });
    ledger.keys.forEach(
        (key, expected) -> {
          // A tombstone may have been cleaned away.
          String found = newest.getOrDefault(key, RehearsalLedger.DELETED);
          if (!found.equals(expected)) problems.add("another newest value than was written of " + Rehearsal.COMPACTED + "/" + key);
        });
  }

  private void compareOffsets() throws Exception {
    Map<String, Map<TopicPartition, OffsetAndMetadata>> groups = new HashMap<>();
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      for (String place : ledger.offsets.keySet()) {
        String group = place.substring(0, place.indexOf('/'));
        if (!groups.containsKey(group)) groups.put(group, admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get());
      }
    }
    ledger.offsets.forEach(
        (place, expected) -> {
          String[] parts = place.split("/");
          OffsetAndMetadata found = groups.get(parts[0]).get(new TopicPartition(parts[1], Integer.parseInt(parts[2])));
          String said = found == null ? "nothing" : found.offset() + " " + found.metadata();
          if (!said.equals(expected)) problems.add("the committed offset of " + place + " is " + said + " and was " + expected);
        });
  }

  /** All that is committed, up to the end as it is now. */
  private void readAll(String topic, Consumer<ConsumerRecord<byte[], byte[]>> take) {
    List<TopicPartition> places = IntStream.range(0, Rehearsal.PARTITIONS).mapToObj(p -> new TopicPartition(topic, p)).toList();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(consumer(bootstrap), new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.assign(places);
      consumer.seekToBeginning(places);
      Map<TopicPartition, Long> ends = consumer.endOffsets(places);
      long heard = System.currentTimeMillis();
      while (places.stream().anyMatch(place -> consumer.position(place) < ends.get(place))) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(POLL)) {
          heard = System.currentTimeMillis();
          take.accept(record);
        }
        if (System.currentTimeMillis() - heard > SILENCE_MS) throw new IllegalStateException(topic + " does not give its records");
      }
    }
  }

  static Map<String, Object> consumer(String bootstrap) {
    return Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "enable.auto.commit", false);
  }

  static String digest(byte[] value) {
    return hex(sha256(), value);
  }

  static String digest(long timestamp, byte[] key, Headers headers, byte[] value) {
    MessageDigest sha256 = sha256();
    sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(timestamp).array());
    part(sha256, key);
    for (Header header : headers) {
      part(sha256, header.key().getBytes(StandardCharsets.UTF_8));
      part(sha256, header.value());
    }
    part(sha256, value);
    return hex(sha256, new byte[0]);
  }

  /** With its length, so that no two rows of parts look alike; what is null differs from what is empty. */
  private static void part(MessageDigest sha256, byte[] bytes) {
    sha256.update(ByteBuffer.allocate(Integer.BYTES).putInt(bytes == null ? -1 : bytes.length).array());
    if (bytes != null) sha256.update(bytes);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException neverOnAnyJvm) {
      throw new IllegalStateException(neverOnAnyJvm);
    }
  }

  private static String hex(MessageDigest sha256, byte[] last) {
    return HexFormat.of().formatHex(sha256.digest(last)).substring(0, 32);
  }
}
