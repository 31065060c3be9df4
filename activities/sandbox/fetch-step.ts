import { existsSync, realpathSync } from 'node:fs';
import { delimiter, isAbsolute, join, sep } from 'node:path';
import { runInSandbox, type SandboxResult } from './run.ts';
import type { SandboxNone, Workspace } from './types.ts';

/**
 * The one step of a build that has a network: it resolves dependencies beforehand, outside the sandbox.
 */
export interface FetchStep {
  /** For the report: which step had the network. */
  name: string;
  /** From the configuration (`build.fetch`), as an argument array. */
  command: readonly string[];
  /** A checkout that our own git made and no sandboxed code has written to. */
  checkout: string;
  /** The allowed variables, complete. */
  env: Readonly<Record<string, string>>;
  seconds: number;
  /** Where its output is kept. */
  outputDir: string;
  signal?: AbortSignal;
}

/**
 * Runs it. The program is the machine's, found on the allowed PATH: one that the repository brings
 * (`./gradlew`, `./mvnw`, a folder of the checkout on the PATH) is refused, since then the repository
 * would choose what runs with a network and without a sandbox.
 *
 * What the program does with the repository's own description (a Maven extension, an npm install script) is
 * the command's affair: name one that only fetches.
 *
 * @throws where the program is the repository's, or is not there.
 */
export async function runFetchStep(step: FetchStep): Promise<SandboxResult> {
  const program = programOf(step);
  const bare: SandboxNone = { kind: 'none', root: step.outputDir, reason: `the fetch step ${step.name}` };
  const workspace: Workspace = {
    ...{ id: `fetch ${step.name}`, dir: step.outputDir, kind: 'empty' },
    ...{ inside: step.checkout, written: step.checkout },
  };
  const spec = { command: [program, ...step.command.slice(1)], workspace, env: step.env, jvmHints: false };
  // It is not limited by what a build inside may use: it is the operator's own command.
  const limits = { seconds: step.seconds, memoryMb: 65_536, diskMb: 1 << 20 };
  const { outputDir, signal } = step;
  return runInSandbox(bare, { ...spec, limits }, { outputDir, ...(signal === undefined ? {} : { signal }) });
}

function programOf({ name, command, checkout, env }: FetchStep): string {
  const [program = ''] = command;
  const found =
    isAbsolute(program) || program.includes('/')
      ? join(isAbsolute(program) ? '/' : checkout, program)
      : onPath(program, env);
  if (found === undefined || !existsSync(found))
    throw new Error(`the fetch step ${name} cannot run: there is no ${program}`);
  const [real, top] = [realpathSync(found), realpathSync(checkout)];
  if (real === top || real.startsWith(top + sep)) {
    throw new Error(
      `the fetch step ${name} would run ${program} of the repository itself, outside the sandbox and with a network: ` +
        'name a program of this machine (mvn, gradle, npm)',
    );
  }
  return found;
}

function onPath(program: string, env: Readonly<Record<string, string>>): string | undefined {
  const folders = (env.PATH ?? '/usr/bin:/bin').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}
