import { join } from 'node:path';
import type { SandboxSettings } from '../../config/sandbox.ts';
import type { BuildSettings } from '../../config/schema.ts';
import type { SuiteSettings } from '../../config/suite.ts';
import { permanent } from '../failures.ts';
import { HOME } from './inside.ts';
import { refusalText, withoutSandbox } from './open.ts';
import { toolchainOf } from './toolchain.ts';
import type { ReadOnlyBind, Sandbox, SandboxOfFork, SandboxOn, SandboxRefused } from './types.ts';

/** What of a fork's configuration its sandbox depends on. */
export type SandboxedFork = SandboxSettings & {
  build: Pick<BuildSettings, 'command' | 'toolchain'>;
  suites?: Readonly<Record<string, SuiteSettings>>;
};

/**
 * The sandbox in which a fork's programs run, as plain data.
 *
 * @throws a permanent failure where this machine has none and the fork does not go without.
 */
export type SandboxOf = (fork: SandboxedFork) => Sandbox;

export interface SandboxPlace {
  dataDir: string;
  /** The worker's: what `~` stands for. */
  home: string;
  /** PATH and JAVA_HOME: where the tools of a build are. */
  env: Readonly<Record<string, string>>;
}

// What a build tool of this machine has fetched; the build itself is offline.
const CACHES = ['~/.m2/repository'];

/** For every fork, from the machine's sandbox as it was found when the worker started. */
export function createSandboxOf(found: SandboxOn | SandboxRefused, place: SandboxPlace): SandboxOf {
  return (fork) => {
    const settings = settingsOf(fork, place);
    if (fork.sandbox === 'none') {
      return { ...withoutSandbox({ dataDir: place.dataDir, reason: fork.sandboxReason ?? '' }), settings };
    }
    if (found.kind === 'refused') throw permanent('NoSandbox', refusalText(found));
    return { ...found, settings };
  };
}

/** What a report says of it (`candidates[].sandbox`) before anything has run. */
export function plannedUse(found: SandboxOn | SandboxRefused, fork: SandboxSettings): 'on' | { off: string } {
  if (fork.sandbox === 'none') return { off: fork.sandboxReason ?? '' };
  return found.kind === 'on' ? 'on' : { off: `nothing ran: ${refusalText(found)}` };
}

function settingsOf(fork: SandboxedFork, { home, env }: SandboxPlace): SandboxOfFork {
  if (fork.sandbox === 'none') return { limits: {}, readOnly: [], path: [] };
  const { show = [], workspaces, ...limits } = fork.sandbox;
  const ofSuites = Object.values(fork.suites ?? {}).flatMap((suite) => ('command' in suite ? [suite.command] : []));
  const programs = [fork.build.command, ...fork.build.toolchain, ...ofSuites].flatMap(([program]) => program ?? []);
  const { shown, path } = toolchainOf([...programs, 'java', 'javac'], env, home);
  return {
    limits: Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined)),
    readOnly: [...shown, ...[...CACHES, ...show].map((written) => bindOf(written, home))],
    path,
    mostWorkspaces: workspaces,
  };
}

/** `~` is the worker's home outside and the sandbox's own inside: programs look for their caches there. */
function bindOf(written: string, home: string): ReadOnlyBind {
  if (!written.startsWith('~/')) return { source: written };
  return { source: join(home, written.slice(2)), target: join(HOME, written.slice(2)) };
}
