package io.patchwright.traffic;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Writes what a step of a rehearsal leaves behind: one of each thing that a broker keeps in a form of its own. */
final class RehearsalWriting {
  private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
  private static final int OF_EACH_CODEC = 60;
  private static final int TRANSACTIONS = 6;
  private static final int IN_A_TRANSACTION = 20;
  private static final int KEYS = 20;
  private static final int ROUNDS = 3;
  private static final int DELETED_KEYS = 4;
  private static final int READ_BY_THE_GROUP = 100;
  private static final Duration POLL = Duration.ofMillis(500);
  private static final long GROUP_WAITS_MS = 60_000;

  private final String bootstrap;
  private final RehearsalLedger ledger;
  private final String step;

  RehearsalWriting(String bootstrap, RehearsalLedger ledger, String step) {
    this.bootstrap = bootstrap;
    this.ledger = ledger;
    this.step = step;
  }

  void write() throws Exception {
    for (String codec : CODECS) plain(codec);
    transactional();
    compacted();
    readInAGroup();
  }

  private void plain(String codec) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("compression.type", codec))) {
      List<Sent> sent = new ArrayList<>();
      for (int i = 0; i < OF_EACH_CODEC; i++) {
        RecordHeaders headers = new RecordHeaders();
        if (i % 2 == 0) headers.add("step", bytes(step)).add("empty", null);
        byte[] key = i % 5 == 0 ? null : bytes(codec + "-" + i);
        byte[] value = i % 7 == 0 ? null : bytes((step + "-" + codec + "-" + i + " ").repeat(1 + i));
        sent.add(send(producer, new ProducerRecord<>(Rehearsal.PLAIN, i % Rehearsal.PARTITIONS, null, key, value, headers)));
      }
      for (Sent one : sent) one.keep(ledger);
    }
  }

  /** The same transactional id in every step: its state outlives changes of the brokers. Every third one is aborted. */
  private void transactional() throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", "patchwright-rehearsal"))) {
      producer.initTransactions();
      for (int t = 0; t < TRANSACTIONS; t++) {
        producer.beginTransaction();
        List<Sent> sent = new ArrayList<>();
        for (int i = 0; i < IN_A_TRANSACTION; i++)
          sent.add(send(producer, new ProducerRecord<>(Rehearsal.TRANSACTIONAL, i % Rehearsal.PARTITIONS, bytes("t" + t), bytes(step + "-" + t + "-" + i))));
        if (t % 3 == 2) {
          producer.abortTransaction();
          continue;
        }
        String group = "rehearsal-transactional";
        TopicPartition place = new TopicPartition(Rehearsal.PLAIN, 0);
        long offset = ledger.records(Rehearsal.TRANSACTIONAL) + t;
        producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(offset, step)), new ConsumerGroupMetadata(group));
        producer.commitTransaction();
        for (Sent one : sent) one.keep(ledger);
        ledger.offset(group, place.topic(), place.partition(), offset, step);
      }
    }
  }

  private void compacted() throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(Map.of())) {
      for (int round = 0; round < ROUNDS; round++) {
        for (int k = 0; k < KEYS; k++) {
          String key = "key-" + k;
          boolean deleted = round == ROUNDS - 1 && k < DELETED_KEYS;
          byte[] value = deleted ? null : bytes((step + "-" + round + "-" + k + " ").repeat(8));
          int partition = k % Rehearsal.PARTITIONS;
          send(producer, new ProducerRecord<>(Rehearsal.COMPACTED, partition, bytes(key), value)).place.get();
          ledger.key(partition, key, deleted ? RehearsalLedger.DELETED : RehearsalReading.digest(value));
        }
      }
    }
  }

  private void readInAGroup() {
    String group = "rehearsal-reading";
    Map<String, Object> config = new HashMap<>(RehearsalReading.consumer(bootstrap));
    config.putAll(Map.of("group.id", group, "auto.offset.reset", "earliest", "max.poll.records", READ_BY_THE_GROUP));
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
      consumer.subscribe(List.of(Rehearsal.PLAIN));
      long deadline = System.currentTimeMillis() + GROUP_WAITS_MS;
      for (int read = 0; read < READ_BY_THE_GROUP; ) {
        read += consumer.poll(POLL).count();
        if (System.currentTimeMillis() > deadline) throw new IllegalStateException("the group " + group + " gets no records");
      }
      Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
      for (TopicPartition place : consumer.assignment()) positions.put(place, new OffsetAndMetadata(consumer.position(place), step));
      consumer.commitSync(positions);
      positions.forEach((place, at) -> ledger.offset(group, place.topic(), place.partition(), at.offset(), step));
    }
  }

  private record Sent(ProducerRecord<byte[], byte[]> record, Future<RecordMetadata> place) {
    void keep(RehearsalLedger ledger) throws Exception {
      RecordMetadata at = place.get();
      ledger.record(at.topic(), at.partition(), at.offset(), RehearsalReading.digest(at.timestamp(), record.key(), record.headers(), record.value()));
    }
  }

  private static Sent send(KafkaProducer<byte[], byte[]> producer, ProducerRecord<byte[], byte[]> record) {
    return new Sent(record, producer.send(record));
  }

  private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
    Properties config = new Properties();
    config.putAll(Map.of("bootstrap.servers", bootstrap, "acks", "all", "enable.idempotence", true, "linger.ms", 5));
    config.putAll(more);
    return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
