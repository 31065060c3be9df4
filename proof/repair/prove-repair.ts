import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse, stringify } from 'yaml';
import { processesOf } from '../../chaos/process-table.ts';
import { proveRepaired } from '../../chaos/proofs/repaired.ts';
import { waitForWatch } from '../../cli/wait-for-watch.ts';
import { loadSettings } from '../../config/load.ts';
import { bareGit } from '../../examples/kafka/git.ts';
import { BRANCH_REF, makeFork } from '../../examples/kafka/make-fork.ts';
import type { Report, ReportCandidate } from '../../report/report.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { threadOf } from '../../store/thread.ts';
import { type Patchwright, patchwrightIn, type Ran } from '../../test/patchwright.ts';
import { byRole } from '../../test/repair/script.ts';
import { startModel } from '../../test/servers/model.ts';
import { CONFIGURATION } from '../kafka/published.ts';
import { codeHere, type Measured as MeasuredAt, measuring } from '../kept-outcomes.ts';
import { type Git, gitProblems, heldProblems, proofTold, releasedProblems, tellingProblems } from './checks.ts';
import { exampleScript } from './script.ts';

export type RepairProof = { figures: Figures; problems: string[]; left: string[] };
type Figures = {
  outcome: string;
  seconds: number;
  candidates: ReturnType<typeof shown>[];
  agent: Omit<Report['agent'], 'tests'>;
  /** Questions that the server in the model's place was asked. */
  questions: number;
  proof: string[];
  secondsBy: Report['seconds'];
  measured: MeasuredAt;
};
type Say = (line: string) => void;

const FORK = 'kafka';
/** The first of a new data folder. */
const RELEASE = 'kafka-1';
const ENVIRONMENTS = ['staging', 'production'];
const LOOK_MS = 2_000;
/** A release that hangs is no proof: it took twelve minutes on two cores. */
const LONGEST_MS = 90 * 60_000;

/** In a Patchwright of its own, whose folder, clusters and services are gone afterwards. */
export async function proveRepair(say: Say): Promise<RepairProof> {
  const model = await startModel(() => ({ status: 500 }));
  const patchwright = patchwrightIn((folder) => configuration(folder, model.url), { PROOF_MODEL_KEY: 'scripted-only' });
  const trials: string[] = [];
  model.play(byRole(exampleScript((said) => trials.push(said))));
  let proven: Omit<RepairProof, 'left'>;
  try {
    const measured = measuring(codeHere());
    const lived = await live(patchwright, say);
    const figures = { ...figuresOf(lived), questions: model.requests.length, measured: measured() };
    proven = { figures, problems: [...(await problemsOf(patchwright, lived)), ...trialProblems(trials)] };
  } catch (error) {
    // Said here: what fails while all of it ends would otherwise stand in its place.
    say(`${patchwright.upLog().slice(-4_000)}\n${(error as Error).message}`);
    throw error;
  } finally {
    await patchwright.close().finally(() => model.stop());
  }
  return { ...proven, left: await leftOf(patchwright.folder) };
}

/** The example's own configuration, with a model and the policy by which its reviewers are enough. */
function configuration(folder: string, url: string): string {
  const settings = parse(readFileSync(CONFIGURATION, 'utf8'), { merge: true }) as Example;
  settings.forks.kafka.repository = repositoryIn(folder);
  settings.forks.kafka.repair = { policy: 'apply-reviewed' };
  settings.model = { name: 'scripted', key: { env: 'PROOF_MODEL_KEY' }, baseUrl: url };
  return stringify(settings, { aliasDuplicateObjects: false });
}

type Example = { forks: { kafka: { repository: string; repair?: object } }; model?: object };
type Lived = { git: Git; pushed: string; ran: Ran; report: Report; seconds: number };

/** The fork is made, what breaks is pushed as a person would, and the environments come up beside the release. */
async function live(patchwright: Patchwright, say: Say): Promise<Lived> {
  const repository = repositoryIn(patchwright.folder);
  await makeFork({ dir: repository, progress: (step, text) => say(`${step}: ${text}`) });
  const git: Git = async (...args) => (await bareGit(repository).git(args)).trimEnd();
  // How often a reference was written is seen in its log alone.
  await git('config', 'core.logAllRefUpdates', 'always');
  await patchwright.start();
  say(must(await patchwright.call('example', 'push', 'breaks-tests')).stdout.trim());
  const pushed = await git('rev-parse', BRANCH_REF);
  const begun = Date.now();
  const ended = new AbortController();
  const releasing = patchwright.call('release', FORK).finally(() => ended.abort());
  const up = Promise.all(ENVIRONMENTS.map(async (name) => must(await patchwright.call('env', 'up', name))));
  const [ran] = await Promise.all([releasing, up, follow(patchwright, say, ended.signal)]);
  const seconds = Math.round((Date.now() - begun) / 1_000);
  const settings = loadSettings(join(patchwright.folder, 'patchwright.yaml'));
  await waitForWatch(patchwright.store(), settings, RELEASE, { signal: AbortSignal.timeout(120_000) });
  return { git, pushed, ran, seconds, report: await patchwright.json<Report>('report', RELEASE) };
}

const repositoryIn = (folder: string) => join(folder, 'kafka.git');

async function problemsOf(patchwright: Patchwright, { git, pushed, ran, report }: Lived): Promise<string[]> {
  const [held, repaired] = report.candidates;
  return [
    ...(ran.status === 0 ? [] : [`release ended with ${ran.status}: ${ran.stderr.slice(-600)}`]),
    ...proveRepaired(repositoryIn(patchwright.folder), report, pushed),
    ...(held ? heldProblems(held, pushed) : []),
    ...(held && repaired ? releasedProblems(held, repaired) : []),
    ...(repaired ? await gitProblems(git, report, pushed) : []),
    ...tellingProblems(report, must(await patchwright.call('report', RELEASE)).stdout),
  ];
}

/** The agent's own trial, before it hands in: once, and good. */
function trialProblems(trials: readonly string[]): string[] {
  const good = trials.length === 1 && trials[0]?.includes('it builds, and the tests pass');
  return good ? [] : [`the agent’s trials said: ${trials.join('\n') || 'nothing'}`];
}

/** Tells what the thread is told; a question to people ends it, since there are none: the policy asks nobody. */
async function follow(patchwright: Patchwright, say: Say, ended: AbortSignal): Promise<void> {
  const deadline = Date.now() + LONGEST_MS;
  let seen = 0;
  for (let last = false; !last; await sleep(last ? 0 : LOOK_MS)) {
    last = ended.aborted;
    const thread = await threadOf(patchwright.store(), RELEASE);
    for (const { text } of thread.slice(seen)) say(text);
    seen = thread.length;
    const [asked] = await approvalsOf(patchwright.store(), { waiting: true });
    if (asked !== undefined) throw new Error(`people are asked: ${asked.question.title} ${asked.question.summary}`);
    if (Date.now() > deadline) throw new Error(`${RELEASE} has not ended after ${LONGEST_MS / 60_000} minutes`);
  }
}

function figuresOf({ report, seconds }: Lived): Omit<Figures, 'questions' | 'measured'> {
  const { outcome, candidates, agent } = report;
  const { tests: _, ...spent } = agent;
  return {
    ...{ outcome: outcome?.kind ?? 'none', seconds, candidates: candidates.map(shown), agent: spent },
    ...{ proof: proofTold(report), secondsBy: report.seconds },
  };
}

const shown = ({ commit, suites, rollouts }: ReportCandidate) => ({
  commit: commit.slice(0, 12),
  suites: suites.map(({ name, seconds, tests, verdicts, rerunSeconds, culpritSeconds }) => ({
    ...{ name, seconds, ...tests, rerunSeconds, culpritSeconds },
    verdicts: verdicts.map(({ test, kind, candidate, base, culprit = [] }) =>
      `${test.replace(/^.*\.(?=\w+#)/, '')} ${kind}, ${candidate.fail} of ${candidate.pass + candidate.fail} to ${base.fail} of ${base.pass + base.fail} ${culprit.map((one) => one.slice(0, 12)).join(' ')}`.trim(),
    ),
  })),
  rollouts: rollouts.map(({ environment, outcome, targets, traffic }) => ({
    ...{ environment, outcome, nodes: targets.length },
    ...{ acknowledged: traffic?.acknowledged, lost: traffic?.lost },
  })),
});

function must(ran: Ran): Ran {
  if (ran.status !== 0) throw new Error(`patchwright ended with ${ran.status}: ${ran.stderr.slice(-2_000)}`);
  return ran;
}

/** What is ending this moment is given one; the rest was left behind. */
async function leftOf(folder: string): Promise<string[]> {
  for (let tries = 0; processesOf(folder).length > 0 && tries < 20; tries += 1) await sleep(250);
  return processesOf(folder).map(({ pid, argv }) => `process ${pid} still runs: ${argv.join(' ').slice(0, 200)}`);
}
