/**
 * `node scripts/record-histories.ts [releases|repairs|fixes|explained|rehearsals|waived] [FOLDER]`: releases a small fork for real,
 * in every way that a release (or a repair, a fix, an explanation of what does not apply or compile, a rehearsal) can go, and
 * writes the history of every workflow of it to test/histories/DAY (or FOLDER).
 * test/replay.test.ts replays them.
 *
 * Histories of what has landed stay for ever: what runs on a user's machine must go on with newer code
 * (`patched()`). A new shape is recorded beside them.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { readUp } from '../services/data-folder.ts';
import { type Patchwright, patchwrightIn } from '../test/patchwright.ts';
import { makeRepository, patchMessage } from '../test/release/repository.ts';
import { startModel } from '../test/servers/model.ts';
import { startSlackServer } from '../test/servers/slack.ts';
import type { RolloutProgress } from '../workflows/environment-messages.ts';
import { EXPLAINED_HELD, explainedHeld } from './histories/explained.ts';
import { FIXABLE, fixes } from './histories/fix.ts';
import { configuration, FILES, PATCHES } from './histories/fork.ts';
import { neutral, type Replacements } from './histories/neutral.ts';
import { outcomeOf, until } from './histories/outcome.ts';
import { REHEARSED, rehearsals } from './histories/rehearsal.ts';
import { REPAIRED, repairs, scripted } from './histories/repair.ts';
import { WAIVED, waived } from './histories/waived.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** File name to workflow id, as the releases below leave them. */
const WANTED: Record<string, string> = {
  'release-released': 'release:greeter-1',
  'release-held-by-a-regression': 'release:greeter-2',
  'agent-answered': 'agent:greeter-2/1/diagnose/unit/1',
  'release-held-by-its-build': 'release:greeter-3',
  'release-rolled-back': 'release:greeter-4',
  'release-held-by-a-check': 'release:greeter-5',
  'release-cancelled': 'release:greeter-6',
  'suite-passed': 'suite:greeter-1/1/unit',
  'suite-with-a-culprit': 'suite:greeter-2/1/unit',
  'rollout-promoted': 'rollout:greeter-1/1/production',
  'rollout-rolled-back': 'rollout:greeter-4/1/staging',
  'rollout-aborted': 'rollout:greeter-6/1/staging',
  'environment-staging': 'environment:staging',
  'environment-production': 'environment:production',
  'environment-up': 'environment-up:staging',
  'release-one-way': 'release:greeter-7',
  'finalise-refused': 'finalise:production',
  'page-taken': 'page:greeter-4/1/staging',
  'thread-told': 'thread:greeter-1',
  'triage-judged': 'triage:greeter-triage-1',
};

/** Their ids have a part of chance. */
const MADE: Record<string, string> = {};

async function main(args: string[]): Promise<void> {
  const only = (['releases', 'repairs', 'fixes', 'explained', 'rehearsals', 'waived'] as const).find(
    (part) => part === args[0],
  );
  // These begin the numbers of their releases anew, or move the base: each is recorded by itself.
  const wants = (part: typeof only) =>
    only === undefined ? !['explained', 'rehearsals', 'waived'].includes(part ?? '') : only === part;
  const folder =
    args[only === undefined ? 0 : 1] ?? join(ROOT, 'test', 'histories', new Date().toISOString().slice(0, 10));
  const slack = await startSlackServer();
  const model = await startModel(scripted);
  const yaml = configuration(userInfo().username, slack.url);
  const configured = `model: { name: scripted, key: { env: RECORDER_MODEL_KEY }, baseUrl: '${model.url}' }`;
  const patchwright = patchwrightIn((folder) => `${yaml(folder)}\n${configured}\n${FIXABLE(folder)}\n`, {
    RECORDER_SLACK_TOKEN: slack.token,
    RECORDER_MODEL_KEY: 'model-key-of-the-recorder',
  });
  try {
    const wanted: Record<string, string> = {};
    const repository = makeRepository(join(patchwright.folder, 'fork'));
    repository.commit(FILES, 'Greeter 1.0');
    repository.git('checkout', '--quiet', '-b', 'main');
    await patchwright.start();
    if (wants('releases')) {
      await runReleases(patchwright, repository);
      Object.assign(wanted, WANTED, MADE);
    }
    if (wants('fixes')) Object.assign(wanted, await fixes(patchwright));
    if (wants('repairs')) {
      await repairs(patchwright, repository);
      Object.assign(wanted, REPAIRED);
    }
    if (wants('explained')) {
      await explainedHeld(patchwright, repository);
      Object.assign(wanted, EXPLAINED_HELD);
    }
    if (wants('rehearsals')) {
      repository.commit({ 'server.mjs': PATCHES.good }, patchMessage('Make it good'));
      await rehearsals(patchwright);
      Object.assign(wanted, REHEARSED);
    }
    if (wants('waived')) {
      await waived(patchwright, repository);
      Object.assign(wanted, WAIVED);
    }
    await record(patchwright, wanted, folder);
  } finally {
    await patchwright.close();
    await model.stop();
    await slack.stop();
  }
}

async function runReleases(patchwright: Patchwright, repository: ReturnType<typeof makeRepository>): Promise<void> {
  const push = (patch: keyof typeof PATCHES, check = 'grep -q greeting server.mjs') =>
    repository.commit({ 'server.mjs': PATCHES[patch] }, patchMessage(`Make it ${patch}`, `Check: ${check}\n`));
  const release = async (patch: keyof typeof PATCHES, wanted: string, check?: string) => {
    push(patch, check);
    await patchwright.call('release', 'greeter');
    await expectOutcome(patchwright, wanted);
    repository.git('reset', '--quiet', '--hard', 'HEAD~1');
  };
  for (const environment of ['staging', 'production']) {
    const up = await patchwright.call('env', 'up', environment);
    if (up.status !== 0) throw new Error(`${up.stderr}\n${patchwright.upLog()}`);
  }
  push('good');
  await patchwright.call('release', 'greeter');
  await expectOutcome(patchwright, 'released');
  await release('breaks-tests', 'held');
  push('breaks-tests');
  await triage(patchwright);
  repository.git('reset', '--quiet', '--hard', 'HEAD~1');
  await release('breaks-build', 'held');
  await release('never-returns', 'rolled-back');
  await release('better', 'held', 'false');
  push('better');
  await cancelInTheMiddle(patchwright);
  await callSomebody(patchwright);
  repository.commit({ FORMAT: '2\n' }, patchMessage('Write another format', ''));
  await releaseOneWay(patchwright);
  // Plain processes have no levels: it ends at its first look.
  await patchwright.call('env', 'finalise', 'production', '3.6-IV2');
  await askAtTheTerminal(patchwright);
}

/** As an environment does for a roll-out that froze. */
async function callSomebody(patchwright: Patchwright): Promise<void> {
  const id = 'greeter-4/1/staging';
  await withClient(patchwright, async (client) => {
    const { events } = await client.workflow.getHandle('release:greeter-4').fetchHistory();
    const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    const { settings } = JSON.parse(Buffer.from(input?.data ?? []).toString()) as { settings: string };
    const order = { id, release: 'greeter-4', about: 'staging', summary: 'staging is frozen.', settings };
    await client.workflow.start('page', { workflowId: `page:${id}`, taskQueue: 'patchwright', args: [order] });
    await until('somebody has it', async () => (await patchwright.call('page', 'ack', id)).status === 0);
    await client.workflow.getHandle(`page:${id}`).result();
  });
}

/** Bob is asked before production, and says yes. */
async function releaseOneWay(patchwright: Patchwright): Promise<void> {
  const { token } = await patchwright.json<{ token: string }>('people', 'token', 'bob');
  await patchwright.call('release', 'greeter', '--detach');
  await until('bob is asked', async () => {
    const [asked] = await patchwright.json<{ id: string; open: { digest: string } }[]>('approvals');
    if (!asked) return false;
    MADE['approval-approved'] = `approval:${asked.id}`;
    const approve = ['approve', asked.id, '--digest', asked.open.digest];
    return (await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...approve)).status === 0;
  });
  await until('the release has ended', async () => (await outcomeOf(patchwright)) !== undefined);
  await expectOutcome(patchwright, 'released');
}

/** Without knowledge a person is called, takes it, hands it over in vain, and solves it. */
async function askAtTheTerminal(patchwright: Patchwright): Promise<void> {
  const asked = await patchwright.call('ticket', 'open', '--text', 'Why does the greeter not greet?');
  const id = asked.stdout.split('\n')[0] ?? '';
  MADE['ticket-solved'] = `ticket:${id}`;
  for (const click of ['take', 'hand-off', 'solved']) {
    const { status, stderr } = await patchwright.call('ticket', click, id);
    if (status !== 0) throw new Error(`ticket ${click} ended with ${status}: ${stderr}`);
  }
}

/** The failure that the release before was held for, found by another CI. */
async function triage(patchwright: Patchwright): Promise<void> {
  const reports = join(patchwright.folder, 'reports');
  mkdirSync(reports);
  const failure =
    "<testcase classname='GreeterTest' name='greets' time='0.01'><failure message='no hello'/></testcase>";
  writeFileSync(join(reports, 'TEST-greeter.xml'), `<testsuite name='GreeterTest' tests='1'>${failure}</testsuite>`);
  const { status, stderr } = await patchwright.call('triage', '--junit', reports, '--fork', 'greeter');
  if (status !== 1) throw new Error(`triage ended with ${status}, not with a failure that holds: ${stderr}`);
}

/** Paused before its first node, then cancelled: what is under way is aborted. */
async function cancelInTheMiddle(patchwright: Patchwright): Promise<void> {
  await patchwright.call('env', 'pause', 'staging', '--reason', 'a recording');
  await patchwright.call('release', 'greeter', '--detach');
  await withClient(patchwright, async (client) => {
    const rollout = client.workflow.getHandle('rollout:greeter-6/1/staging');
    await until('the roll-out waits', async () => {
      const progress = await rollout.query<RolloutProgress>('rolloutProgress').catch(notYet);
      return progress?.waiting !== undefined;
    });
  });
  await patchwright.call('release', 'cancel', 'greeter-6');
  await until('the release has ended', async () => (await outcomeOf(patchwright)) !== undefined);
  await expectOutcome(patchwright, 'aborted');
  await patchwright.call('env', 'resume', 'staging', '--reason', 'a recording');
}

function notYet(error: unknown): undefined {
  process.stderr.write(`not yet: ${String(error).slice(0, 120)}\n`);
}

async function expectOutcome(patchwright: Patchwright, wanted: string): Promise<void> {
  const report = await patchwright.json<{ release: string; outcome: unknown }>('report', 'latest');
  process.stderr.write(`${report.release}: ${JSON.stringify(report.outcome).slice(0, 200)}\n`);
  if ((report.outcome as { kind?: string } | null)?.kind === wanted) return;
  throw new Error(`${report.release} was to be ${wanted}\n${patchwright.upLog().slice(-4000)}`);
}

async function record(patchwright: Patchwright, wanted: Record<string, string>, folder: string): Promise<void> {
  const replacements: Replacements = [
    [patchwright.folder, '/tmp/patchwright'],
    [ROOT.replace(/\/$/, ''), '/patchwright'],
    [hostname(), 'host'],
  ];
  await withClient(patchwright, async (client) => {
    const histories = await Promise.all(
      Object.entries(wanted).map(async ([name, id]) => {
        const history = await client.workflow.getHandle(id).fetchHistory();
        return [name, neutral(JSON.parse(historyToJSON(history)), replacements)] as const;
      }),
    );
    // Only now: a recording that fails leaves the ones from before.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const [name, history] of histories) {
      const { events } = history as { events: unknown[] };
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify({ workflowId: wanted[name], history })}\n`);
      process.stderr.write(`${name}: ${events.length} events\n`);
    }
  });
}

async function withClient<T>(patchwright: Patchwright, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: readUp(patchwright.data)?.temporalAddress ?? '' });
  try {
    return await use(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

await main(process.argv.slice(2));
