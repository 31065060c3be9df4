import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configuration, FILES, PATCHES } from '../../scripts/histories/fork.ts';
import type { Verdict } from '../../workflows/types.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { makeRepository, patchMessage } from '../release/repository.ts';
import { until } from '../rollout/fixture.ts';
import { startSlackServer } from '../servers/slack.ts';

// The whole product by its command line: a candidate that could not be taken back waits for people before production.
type Asked = {
  id: string;
  question: { kind: string; title: string; summary: string };
  open: { digest: string; deciders: string[] };
};
type Report = {
  outcome: { kind: string; at?: string; reasons: string[] } | null;
  approvals: { id: string; digest: string; decision: string; by: string }[];
  thread: { text: string }[];
  candidates: { suites: { verdicts: Partial<Verdict>[] }[] }[];
};

let patchwright: Patchwright;
let slack: Awaited<ReturnType<typeof startSlackServer>>;
let repository: ReturnType<typeof makeRepository>;

beforeAll(async () => {
  slack = await startSlackServer();
  patchwright = patchwrightIn(configuration(userInfo().username, slack.url), { RECORDER_SLACK_TOKEN: slack.token });
  repository = makeRepository(join(patchwright.folder, 'fork'));
  repository.commit(FILES, 'Greeter 1.0');
  repository.git('checkout', '--quiet', '-b', 'main');
  repository.commit({ 'server.mjs': PATCHES.good, FORMAT: '2\n' }, patchMessage('Write another format', ''));
  await patchwright.start();
  for (const environment of ['staging', 'production']) await patchwright.call('env', 'up', environment);
}, 180_000);

afterAll(async () => {
  await patchwright?.close();
  await slack?.stop();
}, 60_000);

const tokenOf = async (person: string) => ({
  PATCHWRIGHT_TOKEN: (await patchwright.json<{ token: string }>('people', 'token', person)).token,
});
const asked = () => until('somebody is asked', async () => (await patchwright.json<Asked[]>('approvals'))[0], 180_000);
const ended = () =>
  until('the release has ended', async () => {
    const report = await patchwright.json<Report>('report', 'latest');
    return report.outcome ? report : undefined;
  });

test('it goes to staging, waits, and goes to production once somebody else has said yes to exactly this', async () => {
  await patchwright.call('release', 'greeter', '--detach');
  const { id, question, open } = await asked();
  expect(question).toMatchObject({ kind: 'one-way-release', title: expect.stringContaining('production') });
  expect(open.deciders).toEqual(['bob']);
  const approve = ['approve', id, '--digest', open.digest.slice(0, 12)];

  const nobody = await patchwright.callWith({ PATCHWRIGHT_TOKEN: '' }, ...approve);
  expect(nobody).toMatchObject({ status: 2, stderr: expect.stringContaining('people token NAME') });
  const requester = await patchwright.callWith(await tokenOf('ada'), ...approve);
  expect(requester).toMatchObject({ status: 1, stdout: expect.stringContaining('ada asked for it') });
  const bob = await tokenOf('bob');
  const other = await patchwright.callWith(bob, 'approve', id, '--digest', 'f'.repeat(64));
  expect(other).toMatchObject({ status: 1, stdout: expect.stringContaining('it names ffffffffffff') });
  const list = await patchwright.callWith(bob, 'approvals');
  expect(list.stdout).toMatch(/waits for you[\s\S]*the format of greetings: FORMAT[\s\S]*0 of 1: nobody yet/);
  expect(await patchwright.callWith(bob, ...approve)).toMatchObject({ status: 0, stdout: `${id}: approved by bob\n` });

  const report = await ended();
  expect(report.outcome).toMatchObject({ kind: 'released' });
  expect(report.approvals).toEqual([{ id, digest: open.digest, decision: 'approved', by: 'bob' }]);
  expect(report.thread.map(({ text }) => text).join('\n')).toMatch(/waits for 1 of bob until .*approve greeter-1/);
  const late = await patchwright.callWith(bob, ...approve);
  expect(late).toMatchObject({ status: 1, stdout: expect.stringContaining('it is over: approved by bob') });
  expect((await patchwright.call('audit', 'verify')).stdout).toMatch(/^whole: \d+ rows/);
  // Its command line; what it does is in test/rollout/finalise.test.ts.
  const finalise = await patchwright.call('env', 'finalise', 'production', '3.6-IV2');
  expect(finalise).toMatchObject({ status: 1, stderr: expect.stringContaining('it is no Kafka cluster') });
}, 240_000);

test('after the base changed it shows the difference to what was approved; a no holds the release, with its reason', async () => {
  repository.git('checkout', '--quiet', 'upstream');
  repository.commit({ README: 'Greets.\n' }, 'Greeter 1.1');
  repository.git('rebase', '--quiet', 'upstream', 'main');
  repository.commit({ FORMAT: '3\n' }, patchMessage('Write a third format', ''));
  await patchwright.call('release', 'greeter', '--detach');
  const { id, open, question } = await asked();
  expect(question.summary).toMatch(
    /Since bob approved greeter-1\/1\/one-way\/\w+ .*\n- base: 1\.0\S+ \((\w+)\) → 1\.0\S+ \((?!\1)\w+\)\n- patches: 1 unchanged; new: Write a third format\n- why it is one-way: unchanged\n- in full: git range-diff \w+\.\.\w+ \w+\.\.\w+/,
  );
  const reject = ['reject', id, '--digest', open.digest, '--note', 'not before the holidays'];
  expect(await patchwright.callWith(await tokenOf('bob'), ...reject)).toMatchObject({ status: 0 });
  const { outcome } = await ended();
  expect(outcome).toMatchObject({ kind: 'held', at: 'approval' });
  expect(outcome?.reasons.join()).toContain('rejected by bob: not before the holidays');
  const shown = await patchwright.call('env', 'show', 'production');
  expect(shown.stdout).toContain('production');
}, 240_000);

test('what nobody could tell is asked about: a yes lets exactly that through, and the report says who; a no holds', async () => {
  repository.git('checkout', '--quiet', '-b', 'doubtful', 'upstream');
  repository.commit({ 'server.mjs': PATCHES['breaks-tests'] }, patchMessage('Say bye', ''));
  const bob = await tokenOf('bob');
  await patchwright.call('release', 'doubtful', '--ref', 'doubtful', '--detach');
  const { id, question, open } = await asked();
  expect(question).toMatchObject({
    kind: 'verdict-waiver',
    title: expect.stringMatching(/may candidate 1 go on in spite of 1 test \(undecided\)\?$/),
    summary: expect.stringMatching(/undecided in unit: .*not run on the candidate.*budget is used up.*no hello/),
  });
  expect(open.deciders).toEqual(['bob']);
  expect(await patchwright.callWith(bob, 'approve', id, '--digest', open.digest)).toMatchObject({ status: 0 });
  const released = await ended();
  expect(released.outcome).toMatchObject({ kind: 'released' });
  expect(released.candidates[0]?.suites[0]?.verdicts).toMatchObject([
    { kind: 'undecided', waiver: { approval: id, by: ['bob'] } },
  ]);
  expect(released.thread.map(({ text }) => text).join('\n')).toMatch(
    /goes on in spite of 1 test, which bob lets through/,
  );
  expect((await patchwright.call('report', 'latest')).stdout).toContain('**Let through** by bob');
  expect((await patchwright.call('audit', 'show', id)).stdout).toMatch(/used/);

  await patchwright.call('release', 'doubtful', '--ref', 'doubtful', '--detach');
  const again = await asked();
  const reject = ['reject', again.id, '--digest', again.open.digest, '--note', 'it did greet before'];
  expect(await patchwright.callWith(bob, ...reject)).toMatchObject({ status: 0 });
  const { outcome } = await ended();
  expect(outcome).toMatchObject({ kind: 'held', at: 'suites' });
  expect(outcome?.reasons.join()).toMatch(/undecided in unit: .*rejected by bob: it did greet before/);
}, 240_000);

test('a base that does not build is stood for by what was released last, and every verdict says so', async () => {
  repository.git('checkout', '--quiet', 'upstream');
  const build = `grep -q whole STATE || { echo 'the state is not whole'; exit 3; }\n${FILES['build.sh']}`;
  repository.commit({ 'build.sh': build, STATE: 'half\n' }, 'Greeter 1.2');
  repository.git('checkout', '--quiet', '-b', 'mended', 'upstream');
  repository.commit({ STATE: 'whole\n', 'server.mjs': PATCHES['breaks-tests'] }, patchMessage('Mend the state', ''));
  const { status } = await patchwright.call('release', 'greeter', '--ref', 'mended');
  const { outcome, thread, candidates } = await ended();
  expect([status, outcome], JSON.stringify(outcome)).toMatchObject([1, { kind: 'held', at: 'suites' }]);
  expect(thread.map(({ text }) => text).join('\n')).toMatch(
    /The base itself does not build \(.+\)\. The candidate is compared with the last released candidate 1\.0\S+/,
  );
  expect(candidates[0]?.suites[0]?.verdicts).toMatchObject([
    {
      ...{ kind: 'regression', candidate: { pass: 0, fail: 8 }, base: { pass: 5, fail: 0 } },
      against: expect.stringMatching(/^1\.0\S+, which was released last$/),
      reason: expect.stringMatching(/0 of 5 on 1\.0\S+, which was released last$/),
      ...{ baseBroken: expect.any(String), culpritReason: expect.stringContaining('the base does not build') },
    },
  ]);
}, 240_000);
