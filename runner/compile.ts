import { createHash, randomUUID } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '../lib/run.ts';

const SOURCES = fileURLToPath(new URL('./java/', import.meta.url));
/** A test for the training of an archive (runner/archive.ts); needs Jupiter, which a suite may not have. */
const TRAINING = fileURLToPath(new URL('./java-training/', import.meta.url));
/** What the Java runner is compiled against, found among the suite's own jars: it must match what it runs with. */
const NEEDED = ['junit-platform-launcher', 'junit-platform-engine', 'junit-platform-commons'];
const ALSO = ['opentest4j', 'apiguardian-api'];

/** @throws a sentence that says which jar a suite's class path lacks. */
export function launcherJars(classpath: readonly string[]): string[] {
  const find = (name: string) => classpath.find((jar) => basename(jar).startsWith(`${name}-`));
  const missing = NEEDED.filter((name) => !find(name));
  const standalone = find('junit-platform-console-standalone');
  if (missing.length > 0 && !standalone) {
    throw new Error(
      `the class path lacks ${missing.join(', ')}: put org.junit.platform:junit-platform-launcher into one of its libraries`,
    );
  }
  return [...NEEDED, ...ALSO]
    .map(find)
    .concat(standalone)
    .filter((jar) => jar !== undefined);
}

type CompileOptions = { cacheDir: string; classpath: readonly string[]; javac: string; env: Record<string, string> };

/**
 * The jar with the compiled Java runner: compiled once per source and JUnit (by its bytes: a fork's jar may have any name),
 * then found in `cacheDir` (`runner/<hash>`). Safe to call several times at once, by one process or by several.
 */
export async function compileRunner(options: CompileOptions): Promise<string> {
  const { cacheDir, classpath } = options;
  const jupiter = classpath.find((jar) => /^junit-(jupiter-api|platform-console-standalone)-/.test(basename(jar)));
  const jars = [...new Set([...launcherJars(classpath), ...(jupiter ? [jupiter] : [])])];
  const sources = [SOURCES, ...(jupiter ? [TRAINING] : [])].flatMap((folder) =>
    globSync('**/*.java', { cwd: folder })
      .sort()
      .map((file) => join(folder, file)),
  );
  const hash = createHash('sha256').update('jar\0');
  for (const file of sources) hash.update(readFileSync(file)).update('\0');
  for (const jar of jars) hash.update(basename(jar)).update('\0').update(bytesOf(jar));
  const target = join(cacheDir, 'runner', hash.digest('hex').slice(0, 32));
  const made = join(target, 'runner.jar');
  if (existsSync(made)) return made;

  const building = `${target}.${randomUUID()}.tmp`;
  mkdirSync(building, { recursive: true });
  try {
    await compileInto(building, sources, jars, options);
    renameSync(building, target);
  } catch (error) {
    // Somebody else was faster with the same sources.
    if (!existsSync(made)) throw error;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
  return made;
}

const bytesOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest();

async function compileInto(
  building: string,
  sources: readonly string[],
  jars: readonly string[],
  { javac, env }: CompileOptions,
): Promise<void> {
  const classes = join(building, 'classes');
  const tool = async (command: string, args: string[]) => {
    const { exitCode, stderr, stdout } = await run(command, args, { cwd: SOURCES, env, timeoutMs: 300_000 });
    if (exitCode !== 0)
      throw new Error(`${command} cannot make the test runner: ${(stderr || stdout).slice(0, 2_000)}`);
  };
  // The jars may be a fork's, and this is no sandbox: javac runs processors and plugins of its class path, unless told where
  // else to look for them (here: nothing). Without processors alone, it would start plugins that ask for it.
  const ours = ['-encoding', 'UTF-8', '--release', '17', '-proc:none', '-processorpath', building];
  await tool(javac, [...ours, '-d', classes, '-cp', jars.join(':'), ...sources]);
  // A JDK has both beside each other.
  await tool(javac.replace(/javac$/, 'jar'), ['--create', '--file', join(building, 'runner.jar'), '-C', classes, '.']);
  rmSync(classes, { recursive: true });
}
