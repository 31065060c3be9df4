package io.patchwright.traffic;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;

/** What the threads share: the current second's counts, and how far each partition is. */
final class Counters {
  private static final long NONE = Long.MIN_VALUE;

  private final int partitions;
  private final long[] blockedSince;
  private final long[] ackedEnd;
  private final long[] readEnd;
  private final long[] readProgress;
  private final long[] confirmed;

  private int sent;
  private int skipped;
  private int read;
  private int timeouts;
  private int movedBack;
  private int commitErrors;
  private long[] latencies = new long[512];
  private int acked;
  private long unwritableNanos;
  private int unwritablePartition = -1;
  private Map<String, Integer> errors = new TreeMap<>();

  Counters(int partitions, long[] confirmed) {
    this.partitions = partitions;
    this.confirmed = confirmed;
    blockedSince = new long[partitions];
    Arrays.fill(blockedSince, NONE);
    ackedEnd = new long[partitions];
    readEnd = new long[partitions];
    readProgress = new long[partitions];
    Arrays.fill(readProgress, System.nanoTime());
  }

  synchronized void sent(int partition, long nanos) {
    sent++;
    if (blockedSince[partition] == NONE) blockedSince[partition] = nanos;
  }

  synchronized void skipped() {
    skipped++;
  }

  /** A partition was not writable from when it was first waited for (or the acknowledgement before) until now. */
  synchronized void acked(int partition, long offset, long sentNanos, long nanos, boolean moreOutstanding) {
    if (acked == latencies.length) latencies = Arrays.copyOf(latencies, acked * 2);
    latencies[acked++] = nanos - sentNanos;
    if (ackedEnd[partition] <= readEnd[partition]) readProgress[partition] = nanos;
    ackedEnd[partition] = Math.max(ackedEnd[partition], offset + 1);
    noteUnwritable(partition, nanos);
    blockedSince[partition] = moreOutstanding ? nanos : NONE;
  }

  synchronized void failed(String kind, boolean timeout) {
    if (timeout) timeouts++;
    else errors.merge(kind, 1, Integer::sum);
  }

  synchronized void read(int partition, long offset) {
    read++;
    readEnd[partition] = offset + 1;
    readProgress[partition] = System.nanoTime();
  }

  synchronized void committed(int partition, long offset) {
    confirmed[partition] = Math.max(confirmed[partition], offset);
  }

  /** Not an error of a probe: a commit is tried again a second later. */
  synchronized void commitFailed() {
    commitErrors++;
  }

  synchronized long[] confirmed() {
    return confirmed.clone();
  }

  /** Counted once: what is there now is what is compared with next. */
  synchronized void movedBack(int partition, long to) {
    movedBack++;
    confirmed[partition] = to;
  }

  private void noteUnwritable(int partition, long nanos) {
    if (blockedSince[partition] == NONE) return;
    long waited = nanos - blockedSince[partition];
    if (waited <= unwritableNanos) return;
    unwritableNanos = waited;
    unwritablePartition = partition;
  }

  /** This second's line, without its braces; begins the next second. */
  synchronized String takeSample(long stuckNanos) {
    long now = System.nanoTime();
    long lag = 0;
    int stuck = 0;
    for (int p = 0; p < partitions; p++) {
      noteUnwritable(p, now);
      long behind = Math.max(0, ackedEnd[p] - readEnd[p]);
      lag += behind;
      if (behind > 0 && now - readProgress[p] > stuckNanos) stuck++;
    }
    Arrays.sort(latencies, 0, acked);
    StringBuilder line = new StringBuilder(256);
    line.append("\"sent\":").append(sent).append(",\"acked\":").append(acked).append(",\"read\":").append(read);
    line.append(",\"errors\":{");
    String separator = "";
    for (Map.Entry<String, Integer> error : errors.entrySet()) {
      line.append(separator).append('"').append(error.getKey()).append("\":").append(error.getValue());
      separator = ",";
    }
    line.append("},\"timeouts\":").append(timeouts).append(",\"skipped\":").append(skipped);
    if (acked > 0) {
      line.append(",\"p50\":").append(millis(quantile(0.5))).append(",\"p99\":").append(millis(quantile(0.99)));
      line.append(",\"max\":").append(millis(latencies[acked - 1]));
    }
    line.append(",\"lag\":").append(lag).append(",\"stuck\":").append(stuck).append(",\"movedBack\":").append(movedBack);
    line.append(",\"commitErrors\":").append(commitErrors);
    line.append(",\"unwritable\":").append(millis(unwritableNanos)).append(",\"unwritablePartition\":").append(unwritablePartition);
    sent = skipped = read = timeouts = movedBack = commitErrors = acked = 0;
    unwritableNanos = 0;
    unwritablePartition = -1;
    errors = new TreeMap<>();
    return line.toString();
  }

  private long quantile(double share) {
    return latencies[Math.min(acked - 1, (int) (acked * share))];
  }

  private static String millis(long nanos) {
    return Double.toString(nanos / 100_000 / 10.0);
  }
}
