package io.patchwright.traffic;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.errors.TopicExistsException;

/** The canary's own topic. Old records go by themselves: days of traffic must not fill the disk. */
final class Topic {
  private static final String KEPT_MS = Long.toString(2 * 3600_000L);
  private static final String KEPT_BYTES = Long.toString(96L << 20);
  private static final String SEGMENT_BYTES = Long.toString(16L << 20);

  private Topic() {}

  /** Makes it where it is missing, waiting for the cluster as long as it takes. Returns how many partitions it has. */
  static int ensure(Settings settings) throws InterruptedException {
    Map<String, Object> config = Map.of("bootstrap.servers", settings.bootstrap(), "request.timeout.ms", 5000, "default.api.timeout.ms", 10_000);
    try (Admin admin = Admin.create(config)) {
      while (true) {
        try {
          return createOrDescribe(admin, settings);
        } catch (ExecutionException notYet) {
          System.err.println("waiting for the cluster: " + notYet.getCause());
          Thread.sleep(500);
        }
      }
    }
  }

  private static int createOrDescribe(Admin admin, Settings settings) throws ExecutionException, InterruptedException {
    NewTopic topic =
        new NewTopic(settings.topic(), Optional.of(settings.partitions()), Optional.of((short) settings.replicas()))
            .configs(Map.of("retention.ms", KEPT_MS, "retention.bytes", KEPT_BYTES, "segment.bytes", SEGMENT_BYTES));
    try {
      admin.createTopics(List.of(topic)).all().get();
    } catch (ExecutionException failed) {
      if (!(failed.getCause() instanceof TopicExistsException)) throw failed;
    }
    // Metadata may not know a new topic for 100 ms: the caller tries again.
    return admin.describeTopics(List.of(settings.topic())).allTopicNames().get().get(settings.topic()).partitions().size();
  }
}
