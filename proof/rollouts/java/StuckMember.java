import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of somebody's consumer group that takes its part of the partitions and never polls again: its heartbeats
 * keep it in the group, and nothing of its part is read. java StuckMember.java BOOTSTRAP TOPIC GROUP
 */
final class StuckMember {
    public static void main(String[] args) throws Exception {
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", args[0],
            "group.id", args[2],
            "enable.auto.commit", false,
            "auto.offset.reset", "latest",
            "max.poll.interval.ms", 1_800_000,
            "session.timeout.ms", 10_000,
            "key.deserializer", ByteArrayDeserializer.class,
            "value.deserializer", ByteArrayDeserializer.class);
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings);
        consumer.subscribe(List.of(args[1]));
        while (consumer.assignment().isEmpty())
            consumer.poll(Duration.ofMillis(200));
        System.out.println("stuck on " + consumer.assignment());
        Thread.sleep(Long.MAX_VALUE);
    }
}
