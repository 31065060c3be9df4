/**
 * `npm run bench -- release [--no-example] [--no-orchestration] [--pairs N]`
 *
 *   1. The example, for real, warm: seconds to released and where each went, second start, peak memory.
 *   2. The orchestration alone, against bare workflows (bench/release/orchestration.ts says what is equal).
 *
 * The second part is as large as the release of the first; without the first, its suites are those of the recorded
 * histories in test/histories.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { EnvironmentSettings } from '../config/environment.ts';
import { environmentIn } from '../config/environment-cluster.ts';
import { loadSettings } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { progressOnStderr } from '../setup/progress.ts';
import { type Example, runExample } from './release/example.ts';
import type { Size } from './release/no-op-activities.ts';
import { benchOrchestration, type Orchestration } from './release/orchestration.ts';
import type { Measured } from './run.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Issue 3, *Numbers*, for 2 cores. */
const GOALS = { releasedSeconds: 300, secondStartSeconds: 10, peakMemoryMib: 6 * 1024, orchestrationRatio: 1.15 };

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    allowNegative: true,
    options: {
      example: { type: 'boolean', default: true },
      orchestration: { type: 'boolean', default: true },
      pairs: { type: 'string', default: '10' },
    },
  });
  const progress = progressOnStderr();
  const config = join(ROOT, 'patchwright.yaml');
  const settings = loadSettings(config);
  const [fork = ''] = Object.keys(settings.forks);
  const example = values.example ? await runExample(config, progress) : undefined;
  const size = sizeOf(settings, fork, example);
  const order = { settings, fork, size, pairs: Number(values.pairs), progress };
  const orchestration = values.orchestration ? await benchOrchestration(order) : undefined;
  return judge(example, orchestration);
}

function judge(example: Example | undefined, orchestration: Orchestration | undefined): Measured {
  const memory = example?.peakMemory?.mib;
  const within = [
    example === undefined ||
      (example.outcome === 'released' && (example.releasedSeconds ?? Infinity) <= GOALS.releasedSeconds),
    example === undefined || example.secondStartSeconds <= GOALS.secondStartSeconds,
    memory === undefined || memory <= GOALS.peakMemoryMib,
    orchestration === undefined || orchestration.ratio <= GOALS.orchestrationRatio,
  ];
  return { figures: { example, orchestration }, goals: GOALS, met: within.every(Boolean) };
}

function sizeOf(settings: Settings, fork: string, example: Example | undefined): Size {
  const { suites = [], environments = [] } = settings.forks[fork]?.release ?? {};
  const recorded = example === undefined ? recordedBatches() : undefined;
  return {
    ...(example?.stack ?? stackOf(fork)),
    batches: Object.fromEntries(suites.map((name) => [name, recorded ?? example?.batches[name] ?? 1])),
    targets: Object.fromEntries(environments.map((name) => [name, targetsOf(environmentIn(settings, name))])),
  };
}

/** The patches that the example's fork begins with. */
function stackOf(fork: string): { patches: number; checks: number } {
  const folder = join(ROOT, 'examples', fork, 'patches');
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  return { patches: texts.length, checks: texts.filter((text) => /^Check: /m.test(text)).length };
}

/** As many nodes as the environment is provisioned with; here only their number matters. */
function targetsOf(environment: EnvironmentSettings | undefined): string[] {
  if (environment === undefined) return [];
  if (environment.system !== 'kafka') return environment.targets.map(({ name }) => name);
  const roles = Object.entries(environment.provision) as [string, number][];
  return roles.flatMap(([role, count]) => Array.from({ length: count }, (_, i) => `${role}-${i + 1}`));
}

/** The batches of the recorded suite that passed: each is one call of the activity that runs it. */
function recordedBatches(): number {
  const text = readFileSync(join(ROOT, 'test', 'histories', 'suite-passed.json'), 'utf8');
  return text.split('"activityType":{"name":"runBatch"}').length - 1;
}
