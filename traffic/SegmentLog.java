package io.patchwright.traffic;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Append-only records of a fixed size in files of an hour each, {@code KIND-RUN-STARTMS.bin}: 16 bytes of head ("PW01",
 * run, start in ms), then the records. What a kill cuts off in the middle is the tail, shorter than a record, and does
 * not count. Read by activities/traffic/ledger.ts.
 *
 * <p>A record of {@code acks}: ms since the start (4), partition (2), latency in ms, at most 65535 (2), sequence (4),
 * offset (8). Of {@code reads}: ms since the start (4), the record's run (4), partition (2), 0 (2), sequence (4).
 */
final class SegmentLog {
  private static final long SEGMENT_MS = 3_600_000;

  private final Path dir;
  private final String kind;
  private final int run;
  private final ByteBuffer buffer = ByteBuffer.allocate(32 << 10);
  private FileChannel file;
  private long startMs;

  SegmentLog(Path dir, String kind, int run) {
    this.dir = dir;
    this.kind = kind;
    this.run = run;
    open(System.currentTimeMillis());
  }

  synchronized void acknowledged(long nowMs, int partition, long latencyMs, int sequence, long offset) {
    room(20, nowMs)
        .putInt((int) (nowMs - startMs))
        .putShort((short) partition)
        .putShort((short) Math.min(latencyMs, 0xffff))
        .putInt(sequence)
        .putLong(offset);
  }

  synchronized void read(long nowMs, int ofRun, int partition, int sequence) {
    room(16, nowMs).putInt((int) (nowMs - startMs)).putInt(ofRun).putShort((short) partition).putShort((short) 0).putInt(sequence);
  }

  /** Hands everything to the operating system, where a kill of this process cannot reach it. */
  synchronized void flush() {
    if (file == null) return;
    try {
      buffer.flip();
      while (buffer.hasRemaining()) file.write(buffer);
      buffer.clear();
    } catch (IOException problem) {
      throw new UncheckedIOException("cannot write " + kind + " in " + dir, problem);
    }
  }

  synchronized void close() {
    flush();
    try {
      if (file != null) file.close();
    } catch (IOException problem) {
      throw new UncheckedIOException(problem);
    }
    file = null;
  }

  private ByteBuffer room(int bytes, long nowMs) {
    if (nowMs - startMs > SEGMENT_MS || nowMs < startMs || file == null) {
      close();
      open(nowMs);
    } else if (buffer.remaining() < bytes) {
      flush();
    }
    return buffer;
  }

  private void open(long nowMs) {
    startMs = nowMs;
    Path path = dir.resolve(kind + "-" + Integer.toUnsignedLong(run) + "-" + startMs + ".bin");
    try {
      file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException problem) {
      throw new UncheckedIOException("cannot open " + path, problem);
    }
    buffer.put("PW01".getBytes(StandardCharsets.US_ASCII)).putInt(run).putLong(startMs);
    flush();
  }
}
