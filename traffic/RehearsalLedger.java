package io.patchwright.traffic;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a rehearsal's cluster has acknowledged, a line each, its fields parted by tabs:
 *
 * <pre>
 *   record  TOPIC PARTITION OFFSET DIGEST     one record; the digest is over timestamp, key, headers and value
 *   key     PARTITION/KEY DIGEST|-            the newest value of a compacted topic's key; - once it was deleted
 *   offset  GROUP/TOPIC/PARTITION OFFSET TEXT what a group has committed, with its metadata
 * </pre>
 */
final class RehearsalLedger {
  static final String DELETED = "-";

  /** "TOPIC/PARTITION/OFFSET" to the record's digest. */
  final Map<String, String> records = new HashMap<>();

  final Map<String, String> keys = new HashMap<>();
  /** "GROUP/TOPIC/PARTITION" to "OFFSET TEXT". */
  final Map<String, String> offsets = new HashMap<>();

  private final List<String> added = new ArrayList<>();

  static RehearsalLedger read(Path file) throws IOException {
    RehearsalLedger ledger = new RehearsalLedger();
    if (!Files.exists(file)) return ledger;
    for (String line : Files.readAllLines(file)) ledger.take(line.split("\t"));
    return ledger;
  }

  /** Only whole steps are kept: a step that died is followed by a cluster that begins anew. */
  void append(Path file) throws IOException {
    Files.write(file, added, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    added.clear();
  }

  boolean isEmpty() {
    return records.isEmpty();
  }

  long records(String topic) {
    return records.keySet().stream().filter(place -> place.startsWith(topic + "/")).count();
  }

  void record(String topic, int partition, long offset, String digest) {
    add("record", topic, Integer.toString(partition), Long.toString(offset), digest);
  }

  void key(int partition, String key, String digest) {
    add("key", partition + "/" + key, digest);
  }

  void offset(String group, String topic, int partition, long offset, String text) {
    add("offset", group + "/" + topic + "/" + partition, Long.toString(offset), text);
  }

  private void add(String... fields) {
    added.add(String.join("\t", fields));
    take(fields);
  }

  private void take(String[] fields) {
    switch (fields[0]) {
      case "record" -> records.put(fields[1] + "/" + fields[2] + "/" + fields[3], fields[4]);
      case "key" -> keys.put(fields[1], fields[2]);
      case "offset" -> offsets.put(fields[1], fields[2] + " " + fields[3]);
      default -> throw new IllegalArgumentException("no such line in a ledger: " + fields[0]);
    }
  }
}
