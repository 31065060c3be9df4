/** A frame of a stack trace, as the JVM and its logging print it, with or without where the class was loaded from. */
const FRAME = /^(\s*(?:\[[A-Z]+\]\s+)?at\s+\S+\([^()]*\))\s+~?\[[^\]]*\]\s*$/;

/**
 * A log line without what differs from run to run: times, ids, addresses, paths, numbers, and of a frame of a stack
 * trace its line and the jar that it came from, whose name has the version of base or candidate in it. Two lines with
 * one template say the same thing (LogSage; triage.md, *Log difference*).
 */
export function templateOf(line: string): string {
  return (
    line
      // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal are no difference.
      .replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')
      .replace(FRAME, '$1')
      // How the JVM calls by reflection depends on how often it did, and shows in the frame.
      .replace(/\b(?:Generated|Native|Direct)(?:Method|Constructor)(?:Handle)?Accessor(?:Impl)?\S*/g, 'Accessor')
      .replace(/^(\s*at\s+\S*Accessor).*$/, '$1')
      .replace(/\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b/g, '#')
      .replace(/\b0x[0-9a-fA-F]+\b|@[0-9a-f]{4,}\b|\b(?=[0-9a-f]*\d)[0-9a-f]{8,}\b/g, '#')
      // Ids in Base64 as Kafka and others print them: long, and of more than one kind of character.
      .replace(/\b(?=[\w-]*\d)(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{20,}={0,2}/g, '#')
      .replace(/(?:[A-Za-z]:)?(?:[/\\][\w.+~-]+){2,}/g, '/#')
      .replace(/\d+(?:[.,:]\d+)*/g, '#')
      .replace(/\s+/g, ' ')
      .trim()
  );
}

/**
 * A set of texts in a fixed 16 MiB, whatever is put in (a Bloom filter). It may take a text for one that it has: of ten
 * million different ones fewer than one in a thousand.
 */
export function createTextSet() {
  const bits = new Uint32Array(1 << 22);
  const places = (text: string): number[] => {
    let [a, b] = [0x811c9dc5, 0x9e3779b9];
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      a = Math.imul(a ^ code, 0x01000193);
      b = Math.imul(b + code, 0x85ebca6b) ^ (b >>> 13);
    }
    // Double hashing: as good as independent hashes here.
    return Array.from({ length: 7 }, (_, i) => (a + Math.imul(i, b | 1)) >>> 5);
  };
  return {
    add(text: string): void {
      for (const place of places(text)) bits[place >>> 5] = (bits[place >>> 5] ?? 0) | (1 << (place & 31));
    },
    has: (text: string): boolean =>
      places(text).every((place) => ((bits[place >>> 5] ?? 0) & (1 << (place & 31))) !== 0),
  };
}
