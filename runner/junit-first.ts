import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

/** JUnit's own artifacts, by their names in a repository. What others call alike is not moved. */
const JUNIT =
  /^(junit-platform-(commons|engine|launcher|console-standalone|suite|suite-api|suite-commons|suite-engine)|junit-jupiter(-api|-engine|-params)?|junit-vintage-engine|junit|opentest4j|apiguardian-api)-\d[\w.-]*\.jar$/;
const PACKAGES = ['org/junit/', 'junit/', 'org/opentest4j/', 'org/apiguardian/'];

export type JunitFirst = { junit: string[]; rest: string[] };

/**
 * A class path with JUnit's jars in front, each part in its order. Nothing where that could load other classes than
 * before: where something that stood in front of one of them has classes of JUnit's packages, or one of them has classes
 * of others' (JUnit 4.10 brings Hamcrest along).
 */
export function junitFirst(classpath: readonly string[]): JunitFirst | undefined {
  const isJunit = (entry: string) => JUNIT.test(basename(entry));
  const junit = classpath.filter(isJunit);
  if (junit.length === 0 || new Set(junit.map((jar) => basename(jar))).size < junit.length) return undefined;
  const overtaken = classpath.slice(0, classpath.findLastIndex(isJunit)).filter((entry) => !isJunit(entry));
  if (overtaken.length > 0 && junit.some((jar) => contentsOf(jar).others)) return undefined;
  if (overtaken.some((entry) => contentsOf(entry).junit)) return undefined;
  return { junit, rest: classpath.filter((entry) => !isJunit(entry)) };
}

/** Whether there are classes of JUnit's packages, and of others. What cannot be read by us is left where it stands. */
type Contents = { junit: boolean; others: boolean };

function contentsOf(entry: string): Contents {
  const stat = statSync(entry);
  if (stat.isDirectory()) return { junit: PACKAGES.some((folder) => existsSync(join(entry, folder))), others: true };
  const known = seen.get(entry);
  const stamp = `${stat.size} ${stat.mtimeMs}`;
  if (known?.stamp === stamp) return known.contents;
  const names = namesIn(entry);
  const isJunits = (name: string) => PACKAGES.some((folder) => name.startsWith(folder));
  const isOthers = (name: string) => /^(?!META-INF\/).*\/.*\.class$/.test(name) && !isJunits(name);
  const contents = { junit: names?.some(isJunits) ?? true, others: names?.some(isOthers) ?? true };
  seen.set(entry, { stamp, contents });
  return contents;
}

const seen = new Map<string, { stamp: string; contents: Contents }>();

const END_BYTES = 22;
const LONGEST_COMMENT = 65_535;
const END = Buffer.from('PK\x05\x06', 'latin1');
const ENTRY_BYTES = 46;
const ENTRY = 0x02014b50;

/** The names in a jar, those of one release among several too; nothing where its directory is not a plain one. */
function namesIn(jar: string): string[] | undefined {
  const directory = directoryOf(jar);
  if (directory === undefined) return undefined;
  const names: string[] = [];
  for (let at = 0; at < directory.length; ) {
    if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY) return undefined;
    const [name, extra, comment] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const text = directory.toString('latin1', at + ENTRY_BYTES, at + ENTRY_BYTES + name);
    names.push(text.replace(/^META-INF\/versions\/\d+\//, ''));
    at += ENTRY_BYTES + name + extra + comment;
  }
  return names;
}

function directoryOf(jar: string): Buffer | undefined {
  const file = openSync(jar, 'r');
  try {
    const { size } = fstatSync(file);
    const tail = read(file, Math.max(0, size - END_BYTES - LONGEST_COMMENT), size);
    const end = tail.lastIndexOf(END);
    if (end < 0 || end + END_BYTES > tail.length) return undefined;
    const [bytes, offset] = [tail.readUInt32LE(end + 12), tail.readUInt32LE(end + 16)];
    return offset + bytes <= size ? read(file, offset, offset + bytes) : undefined;
  } finally {
    closeSync(file);
  }
}

function read(file: number, from: number, to: number): Buffer {
  const bytes = Buffer.alloc(to - from);
  const got = readSync(file, bytes, 0, bytes.length, from);
  return bytes.subarray(0, got);
}
