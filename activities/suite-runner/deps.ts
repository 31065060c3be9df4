import type { Settings } from '../../config/schema.ts';
import type { SuiteSettings } from '../../config/suite.ts';
import type { TestUsers } from '../../decisions/test-users.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { SuiteDb } from '../../store/suites.ts';
import type { Digest, Source } from '../../workflows/types.ts';
import { permanent } from '../failures.ts';
import type { SandboxOf } from '../sandbox/for-fork.ts';
import type { Sandbox } from '../sandbox/types.ts';

export type SuiteRunnerDeps = {
  db: SuiteDb;
  /** This worker's data folder; slots live in `runs/<suite run>/slot-<n>`. */
  dataDir: string;
  /** The user's cache: compiled runner, archives of classes, lists of units. */
  cacheDir: string;
  /** Names this host (`hostIdentity`); its own task queue is `suite-<hostId>`. */
  hostId: string;
  /** As many test processes as this host has room for. */
  slots: number;
  /** What a slot runs instead of runner/slot.ts, for a bench of everything around it. */
  slotProgram?: string;
  /** In which sandbox the slots of a fork run. */
  sandboxOf: SandboxOf;
  /** Without a word for so long a host is lost (60). */
  lostAfterSeconds?: number;
  settings: (digest: Digest) => Promise<Settings>;
  artifacts: ArtifactStore;
  /** The jars of a library of the configuration, with what they need. */
  libraryJars: (name: string, settings: Settings) => Promise<string[]>;
  /** A clean checkout of a source in an empty folder (`junit-xml` only). */
  checkout: (source: Source, dir: string, settings: Settings) => Promise<void>;
  /** What uses these files of tests, which `source` has otherwise than the commit `before`. */
  testUsers: (source: Source, before: string, touched: readonly string[], settings: Settings) => Promise<TestUsers>;
  /** The values of these variables, as far as they are set. */
  environment: (names: readonly string[]) => Record<string, string>;
  /** Takes secrets out of a message before it is kept in a verdict. */
  redact: (text: string) => string;
};

/** The configuration of one suite. @throws a permanent failure that names what there is. */
export function suiteSettings(settings: Settings, fork: string, suite: string): SuiteSettings {
  const found = settings.forks[fork]?.suites[suite];
  if (found) return found;
  const there = Object.keys(settings.forks[fork]?.suites ?? {}).join(', ') || 'none';
  throw permanent('BadConfiguration', `fork ${fork} has no suite "${suite}"; there are: ${there}`);
}

/** @throws a permanent failure where there is no sandbox: then none of the fork's programs runs. */
export function sandboxOf(deps: Pick<SuiteRunnerDeps, 'sandboxOf'>, settings: Settings, fork: string): Sandbox {
  const found = settings.forks[fork];
  if (found) return deps.sandboxOf(found);
  throw permanent('UnknownFork', `no fork "${fork}" is configured`);
}
