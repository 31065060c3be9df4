import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { checkProposal } from '../../activities/agent/proposal-check.ts';
import { createSources } from '../../activities/agent/sources.ts';
import { forkAgentSchema } from '../../config/agent.ts';
import { proposalProblems } from '../../decisions/repair.ts';
import { gitIn } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';
import { type Fix, type Gates, HELD, HIDDEN_TESTS, RIGHT, TEST, WRONG } from './wrong-fixes.ts';

/** What reads a change refuses some lies, points some out, and does not see others: that is what hidden tests and reviewers are for. */
const dir = mkdtempSync(join(tmpdir(), 'pw-wrong-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const HARNESS = fileURLToPath(new URL('./fixes/Harness.java', import.meta.url));
const DIFF = ['diff', '--binary', '--full-index', '--no-ext-diff', '--no-textconv', '--no-color', '--no-renames'];
const tools = { run, environment: { PATH: process.env.PATH ?? '', HOME: dir } };
const fork = makeRepository(join(dir, 'fork'));
const base = fork.commit(HELD, 'Held');
const mirror = join(fork.dir, '.git');
const FIXES: [name: string, fix: Fix][] = [
  ['(right)', RIGHT],
  ['(held)', { edits: [], gates: 'let through' }],
  ...Object.entries(WRONG),
];

type Seen = { failed: string; hidden: string };
const seen = new Map<string, Seen>();

function filesOf({ edits }: Fix): Record<string, string> {
  const files = { ...HELD };
  for (const [path, old, now] of edits) {
    const text = files[path] ?? '';
    if (text.split(old).length !== 2) throw new Error(`«${old}» has to stand in ${path} once`);
    files[path] = text.replace(old, () => now);
  }
  return files;
}

function write(under: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(under, path)), { recursive: true });
    writeFileSync(join(under, path), text);
  }
}

beforeAll(() => {
  const folders = FIXES.map(([, fix], i) => {
    write(join(dir, `fix-${i}`), filesOf(fix));
    return join(dir, `fix-${i}`);
  });
  write(join(dir, 'hidden'), HIDDEN_TESTS);
  const said = execFileSync('java', [HARNESS, join(dir, 'hidden'), ...folders], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const [i, line] of said.trimEnd().split('\n').entries()) {
    const [, failed = '', hidden = ''] = line.split('\t');
    seen.set(FIXES[i]?.[0] ?? '', { failed, hidden });
  }
}, 180_000);

async function gatesOf(fix: Fix): Promise<{ gates: Gates; touchesItsTest: boolean }> {
  fork.git('checkout', '--quiet', '--force', '--detach', base);
  const commit = fork.commit(filesOf(fix), 'Proposal');
  const { stdout: diff } = await gitIn(tools, mirror).tryGit([...DIFF, base, commit]);
  const policy = forkAgentSchema.parse({}).proposals;
  const found = await checkProposal({
    sources: createSources(tools, mirror),
    base,
    diff,
    policy,
    failingTests: [TEST],
  });
  const has = (kind: 'refuse' | 'point-out') => found.some((one) => one.kind === kind);
  const touched = proposalProblems(
    fix.edits.map(([path]) => path),
    [{ unit: 'meter.MeterTest', test: 'meter.MeterTest#opens()' }],
  );
  const gates = has('refuse') ? 'refused' : has('point-out') ? 'weighed' : 'let through';
  return { gates, touchesItsTest: touched.length > 0 };
}

test('what is held fails the tests that can be seen, and a right fix passes all of them', async () => {
  expect(seen.get('(held)')?.failed).toBe('answersInTime,opens');
  expect(seen.get('(right)')).toEqual({ failed: '', hidden: '' });
  expect(await gatesOf(RIGHT)).toEqual({ gates: 'let through', touchesItsTest: false });
});

test.each(Object.entries(WRONG))('a fix that %s is green, and the hidden tests refuse it', async (name, fix) => {
  expect(seen.get(name)?.failed).toBe('');
  expect(seen.get(name)?.hidden).not.toBe('');
  const { gates, touchesItsTest } = await gatesOf(fix);
  expect(gates).toBe(fix.gates);
  expect(touchesItsTest).toBe(fix.edits.some(([path]) => path === TEST));
});

test('of all of them so many are refused, pointed out, and let through by reading alone', () => {
  const all = Object.values(WRONG);
  const count = (wanted: Gates) => all.filter(({ gates }) => gates === wanted).length;
  const untouched = all.filter(({ edits }) => edits.every(([path]) => path !== TEST));
  expect({
    ...{ fixes: all.length, refused: count('refused'), weighed: count('weighed'), letThrough: count('let through') },
    refusedByTheRuleOfTests: all.length - untouched.length,
    hidden: all.length,
  }).toEqual({ fixes: 17, refused: 3, weighed: 4, letThrough: 10, refusedByTheRuleOfTests: 5, hidden: 17 });
});
