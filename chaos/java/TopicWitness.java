import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Looks at a topic from outside, with stock clients and without the group that reads it.
 *
 * <pre>
 *   watch BOOTSTRAP TOPIC GROUP         a line a second: "PARTITION=COMMITTED …", or "! why it could not be read"
 *   prove BOOTSTRAP TOPIC GROUP FILE    reads all of the topic; FILE has a line "PARTITION OFFSET RUN SEQUENCE" for each
 *                                       record that was acknowledged. Prints one line of JSON.
 * </pre>
 */
final class TopicWitness {
  private static final long SILENCE_MS = 30_000;

  private TopicWitness() {}

  public static void main(String[] args) throws Exception {
    if (args.length == 4 && args[0].equals("watch")) watch(args[1], args[2], args[3]);
    else if (args.length == 5 && args[0].equals("prove")) prove(args[1], args[2], args[3], Path.of(args[4]));
    else throw new IllegalArgumentException("usage: watch BOOTSTRAP TOPIC GROUP | prove BOOTSTRAP TOPIC GROUP FILE");
  }

  private static void watch(String bootstrap, String topic, String group) throws InterruptedException {
    try (Admin admin = admin(bootstrap)) {
      while (true) {
        try {
          System.out.println(words(committed(admin, topic, group)));
        } catch (Exception unreadable) {
          System.out.println("! " + unreadable.getMessage());
        }
        Thread.sleep(1000);
      }
    }
  }

  private static void prove(String bootstrap, String topic, String group, Path file) throws Exception {
    Map<TopicPartition, Map<Long, Long>> wanted = new HashMap<>();
    int acknowledged = 0;
    for (String line : Files.readAllLines(file)) {
      String[] f = line.split(" ");
      long identity = identity((int) Long.parseLong(f[2]), (int) Long.parseLong(f[3]));
      TopicPartition place = new TopicPartition(topic, Integer.parseInt(f[0]));
      wanted.computeIfAbsent(place, p -> new HashMap<>()).put(Long.parseLong(f[1]), identity);
      acknowledged++;
    }
    Map<String, Object> config =
        Map.of("bootstrap.servers", bootstrap, "enable.auto.commit", false, "auto.offset.reset", "none",
            "key.deserializer", ByteArrayDeserializer.class, "value.deserializer", ByteArrayDeserializer.class);
    Tally tally = new Tally();
    TreeMap<Integer, Long> ends = new TreeMap<>();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(config)) {
      List<TopicPartition> places =
          consumer.partitionsFor(topic).stream().map(p -> new TopicPartition(topic, p.partition())).toList();
      for (TopicPartition place : places) {
        read(consumer, place, wanted.getOrDefault(place, new HashMap<>()), tally);
        ends.put(place.partition(), consumer.position(place));
      }
    }
    try (Admin admin = admin(bootstrap)) {
      System.out.println(
          "{\"acknowledged\":" + acknowledged + ",\"found\":" + (acknowledged - tally.missing.size() - tally.expired)
              + ",\"expired\":" + tally.expired + ",\"missing\":" + tally.missing.size() + ",\"examples\":["
              + tally.missing.stream().limit(10).map(m -> "\"" + m + "\"").collect(Collectors.joining(","))
              + "],\"records\":" + tally.records + ",\"duplicates\":" + tally.duplicates + ",\"ends\":" + json(ends)
              + ",\"committed\":" + json(committed(admin, topic, group)) + "}");
    }
  }

  private static final class Tally {
    long records;
    long duplicates;
    int expired;
    final List<String> missing = new ArrayList<>();
  }

  /** From the first record that the topic keeps to its end; takes out of {@code left} what is as it was acknowledged. */
  private static void read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition place, Map<Long, Long> left, Tally tally) {
    consumer.assign(List.of(place));
    long first = consumer.beginningOffsets(List.of(place)).get(place);
    long end = consumer.endOffsets(List.of(place)).get(place);
    int before = left.size();
    left.keySet().removeIf(offset -> offset < first);
    tally.expired += before - left.size();
    consumer.seek(place, first);
    Set<Long> seen = new HashSet<>();
    long heard = System.currentTimeMillis();
    while (consumer.position(place) < end) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500)).records(place)) {
        heard = System.currentTimeMillis();
        if (record.value().length != 16) continue;
        ByteBuffer value = ByteBuffer.wrap(record.value());
        long identity = identity(value.getInt(), value.getInt());
        tally.records++;
        if (!seen.add(identity)) tally.duplicates++;
        left.remove(record.offset(), identity);
      }
      if (System.currentTimeMillis() - heard > SILENCE_MS) throw new IllegalStateException(place + " does not answer");
    }
    for (Map.Entry<Long, Long> lost : left.entrySet())
      tally.missing.add(place.partition() + " " + lost.getKey() + " " + (lost.getValue() >>> 32) + " " + lost.getValue().intValue());
  }

  private static TreeMap<Integer, Long> committed(Admin admin, String topic, String group) throws Exception {
    TreeMap<Integer, Long> offsets = new TreeMap<>();
    admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((place, offset) -> {
      if (place.topic().equals(topic) && offset != null) offsets.put(place.partition(), offset.offset());
    });
    return offsets;
  }

  private static Admin admin(String bootstrap) {
    return Admin.create(Map.of("bootstrap.servers", bootstrap, "request.timeout.ms", 5000, "default.api.timeout.ms", 20_000));
  }

  private static long identity(int run, int sequence) {
    return ((long) run << 32) | (sequence & 0xffffffffL);
  }

  private static String words(Map<Integer, Long> offsets) {
    return offsets.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(" "));
  }

  private static String json(Map<Integer, Long> offsets) {
    return offsets.entrySet().stream().map(e -> "\"" + e.getKey() + "\":" + e.getValue()).collect(Collectors.joining(",", "{", "}"));
  }
}
