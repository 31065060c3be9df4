package io.patchwright.traffic;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;

/**
 * One step of a downgrade rehearsal: reads back and compares everything that earlier steps wrote, writes more, and
 * reads everything again. What was acknowledged is kept in a ledger (a line each, see {@link RehearsalLedger}), so that
 * steps before and after a change of artifact are held to each other.
 *
 * <p>Prints one line: {"records": n, "transactional": n, "keys": n, "offsets": n, "problems": [at most 20 sentences]}.
 * With problems nothing more is written.
 */
final class Rehearsal {
  static final String PLAIN = "rehearsal-plain";
  static final String TRANSACTIONAL = "rehearsal-transactional";
  static final String COMPACTED = "rehearsal-compacted";
  static final int PARTITIONS = 3;

  private static final int MOST_PROBLEMS = 20;

  private Rehearsal() {}

  static void run(String bootstrap, Path ledgerFile, String step, short replicas) throws Exception {
    RehearsalLedger ledger = RehearsalLedger.read(ledgerFile);
    RehearsalReading reading = new RehearsalReading(bootstrap, ledger);
    if (ledger.isEmpty()) createTopics(bootstrap, replicas);
    else if (!reading.compare().isEmpty()) {
      print(ledger, reading.problems());
      return;
    }
    new RehearsalWriting(bootstrap, ledger, step).write();
    ledger.append(ledgerFile);
    print(ledger, reading.compare());
  }

  private static void createTopics(String bootstrap, short replicas) throws Exception {
    // Small segments, cleaned at once: what the log cleaner writes is to be read as well.
    Map<String, String> compacted =
        Map.of("cleanup.policy", "compact", "segment.bytes", "4096", "min.cleanable.dirty.ratio", "0.01");
    List<NewTopic> topics = new ArrayList<>();
    for (String name : List.of(PLAIN, TRANSACTIONAL, COMPACTED)) {
      NewTopic topic = new NewTopic(name, Optional.of(PARTITIONS), Optional.of(replicas));
      topics.add(name.equals(COMPACTED) ? topic.configs(compacted) : topic);
    }
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(topics).all().get();
    }
  }

  private static void print(RehearsalLedger ledger, List<String> problems) throws IOException {
    StringBuilder line = new StringBuilder("{");
    line.append("\"records\":").append(ledger.records(PLAIN));
    line.append(",\"transactional\":").append(ledger.records(TRANSACTIONAL));
    line.append(",\"keys\":").append(ledger.keys.size());
    line.append(",\"offsets\":").append(ledger.offsets.size()).append(",\"problems\":[");
    for (int i = 0; i < Math.min(MOST_PROBLEMS, problems.size()); i++)
      line.append(i == 0 ? "" : ",").append('"').append(plain(problems.get(i))).append('"');
    System.out.write(line.append("]}\n").toString().getBytes(StandardCharsets.UTF_8));
    System.out.flush();
  }

  private static String plain(String text) {
    return text.replaceAll("[\\\\\"\\p{Cntrl}]", " ");
  }
}
