import { join } from 'node:path';
import { ExitError } from '../lib/exit-error.ts';
import { isProgram, type Machine, onPath } from './machine.ts';
import type { Finding, Part } from './part.ts';
import { runToEnd } from './run.ts';

interface Tool {
  name: string;
  neededBy: string;
  /** Where it is, or undefined. */
  find: (machine: Machine) => string | undefined;
  versionArguments: readonly string[];
  /** The first group is the version. */
  version: RegExp;
  lowest: readonly number[];
  get: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: 'git',
    neededBy: 'forks and their patch stacks',
    find: (machine) => onPath(machine, 'git'),
    versionArguments: ['--version'],
    version: /git version (\d[\d.]*)/,
    lowest: [2, 30],
    get: platformCommand('apt-get install git', 'brew install git'),
  },
  {
    name: 'JDK',
    neededBy: 'building, testing and running forks on the JVM; canary traffic',
    find: findJava,
    versionArguments: ['-version'],
    version: /version "(\d[\d.]*)/,
    lowest: [17],
    get: platformCommand('apt-get install openjdk-17-jdk-headless', 'brew install openjdk@17'),
  },
  {
    name: 'Maven',
    neededBy: 'fetching libraries and test jars; forks that build with it',
    find: (machine) => onPath(machine, 'mvn'),
    versionArguments: ['--version'],
    version: /Apache Maven (\d[\d.]*)/,
    lowest: [3, 6],
    get: platformCommand('apt-get install maven', 'brew install maven'),
  },
];

/** Tools that the user installs: git, a JDK, Maven. */
export function toolParts(machine: Machine): Part[] {
  return TOOLS.map((tool) => ({
    name: tool.name,
    neededBy: tool.neededBy,
    required: true,
    probe: () => probeTool(tool, machine),
    ensure: async () => {
      const finding = await probeTool(tool, machine);
      if (finding.kind === 'found') return;
      throw new ExitError(3, `${tool.name}: ${finding.why}. It is needed for ${tool.neededBy}. Get it: ${finding.get}`);
    },
  }));
}

/** `java` of the JDK that Patchwright uses: JAVA_HOME's, else the one on the PATH. */
export function findJava(machine: Machine): string | undefined {
  const home = machine.env.JAVA_HOME;
  const java = home ? join(home, 'bin/java') : undefined;
  return java !== undefined && isProgram(java) ? java : onPath(machine, 'java');
}

async function probeTool(tool: Tool, machine: Machine): Promise<Finding> {
  const missing = (why: string): Finding => ({ kind: 'missing', why, get: tool.get, byItself: false });
  const where = tool.find(machine);
  if (where === undefined) return missing('not found');
  const { output } = await runToEnd(where, tool.versionArguments, {
    cwd: '/',
    env: machine.env,
    what: `ask ${tool.name} for its version`,
    mayFail: true,
  });
  const version = tool.version.exec(output)?.[1];
  if (version === undefined) return missing(`${where} does not tell its version: ${output.trim().slice(0, 200)}`);
  if (isOlder(version, tool.lowest)) return missing(`${where} is ${version}, older than ${tool.lowest.join('.')}`);
  if (tool.name === 'JDK' && !isProgram(join(where, '..', 'javac')) && onPath(machine, 'javac') === undefined) {
    return missing(`${where} is a run-time without a compiler (javac)`);
  }
  return { kind: 'found', version, where };
}

/** True when `version` comes before `lowest`, number by number. */
export function isOlder(version: string, lowest: readonly number[]): boolean {
  const numbers = version.split('.').map(Number);
  for (const [index, wanted] of lowest.entries()) {
    const have = numbers[index] ?? 0;
    if (have !== wanted) return have < wanted;
  }
  return false;
}

function platformCommand(debian: string, mac: string): string {
  return process.platform === 'darwin' ? mac : `${debian} (Debian, Ubuntu), or your system's package`;
}
