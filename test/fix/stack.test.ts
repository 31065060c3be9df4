import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from '../../report/report.ts';
import { patchMessage } from '../release/repository.ts';
import { ALL_TESTS, GREETER, PART_TEST } from '../repair/greeter.ts';
import { edit, handIn } from './script.ts';
import { type FixWorld, openFixWorld } from './world.ts';

/** A new patch on a fork's stack: proven by the fork's own pipeline, pushed beside the branch, and released from there. */
let world: FixWorld;
let repository: ReturnType<FixWorld['repository']>;

beforeAll(async () => {
  world = await openFixWorld(
    (folder) => `
forks:
  greeter:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: greeter.jar, path: out/greeter.jar }]
      toolchain: [[java, -version]]
    suites:
      unit: { runner: junit-xml, slots: 1, command: [sh, test.sh], reports: [out/reports] }
    release: { suites: [unit] }
`,
  );
  repository = world.repository('fork');
  repository.commit(ALL_TESTS, 'Greeter 1.0');
  repository.git('checkout', '--quiet', '-b', 'main');
  repository.commit({ note: 'a file of a patch before\n' }, patchMessage('Add a note'));
  await world.patchwright.start();
}, 120_000);
afterAll(() => world?.close(), 60_000);

const OLD = '    return ("hello " + name).toUpperCase();\n  }\n';
const NEW = `${OLD}\n  public static String part(String name) {\n    return "bye " + name;\n  }\n`;
const CASE = 'grep -q "String part" Greeter.java';
/** A test that builds without the change, and fails there. */
const PARTS = PART_TEST.replace(
  'Greeter.part("me").equals("bye me")',
  'java.util.Arrays.stream(Greeter.class.getMethods()).anyMatch((one) -> one.getName().equals("part"))',
);
const TEST = { suite: 'unit', test: 'PartTest#parts' };

test('a patch of a ticket is proven, approved, pushed, released; and verified by that', async () => {
  expect(GREETER).toContain(OLD);
  const seen: string[] = [];
  const branch = repository.git('rev-parse', 'main');
  const id = await world.handOff('How do I part?', ({ role, turn, outputs, brief }) => {
    seen.push(...outputs);
    if (role === 'investigate') {
      const quotes = [{ in: 'greeter', of: 'Greeter.java', text: 'public static String shout' }];
      const what = { kind: 'stack-patch', target: 'greeter', what: 'Part as well as greet' };
      return { calls: [['plan', { ...what, why: 'The class greets and shouts, and cannot part.', quotes }]] };
    }
    if (role !== 'patch') return undefined;
    // The suite fails with the first one: it goes back, and is made otherwise.
    const wrong = !brief.includes('sent back');
    if (turn === 1 && wrong) return { calls: [edit('("hello " + name)', '("hullo " + name)', 'Greeter.java')] };
    if (turn === 1)
      return { calls: [edit(OLD, NEW, 'Greeter.java'), edit('', PARTS, 'PartTest.java'), ['run_tests', {}]] };
    if (wrong) return { calls: [handIn()] };
    if (turn === 2) return { calls: [handIn(CASE), handIn(undefined, { failingTest: { ...TEST, suite: 'slow' } })] };
    return { calls: [handIn(undefined, { failingTest: TEST })] };
  });
  const asked = await world.question(id);
  expect(seen.join('\n')).toContain('it builds');
  expect(seen.join('\n')).toMatch(/name a `failingTest`[\s\S]*failingTest\.suite is one of: unit/);
  expect(asked.question.summary).toContain(
    'failing test PartTest#parts of suite unit: failed 5 of 5 without the change, 0 of 5 with it; the change itself adds or changes this test',
  );
  expect(asked.question.summary).toMatch(/suite unit: it builds; whole suite: 2 passed, 0 failed, .*touched: 1 passed/);
  expect(asked.question.summary).toContain('no proof of its change: PartTest.java');
  expect(asked.question.binds['failing case']).toBe('the test PartTest#parts of suite unit');
  expect(asked.question.binds.ref).toBe(`refs/patchwright/tickets/${id.replace(':', '-')}/1`);
  expect(await world.approve('bob', asked)).toMatchObject({ status: 0 });
  const told = await world.hears(id, /VERIFIED: /);
  expect(told).toMatch(/greeter-1 releases it[\s\S]*VERIFIED: .*Greeter-1 is released/);
  const report = await world.patchwright.json<Report>('report', 'greeter-1');
  expect(report.outcome).toEqual({ kind: 'released', reasons: [] });
  expect(report.patches.map(({ subject }) => subject)).toEqual(['Add a note', 'Part as well as greet']);
  expect(report.patches[1]).toMatchObject({ reason: `ticket ${id}`, upstreamStatus: 'Pending' });
  // What takes long said so to the ticket, before it began.
  const steps = world.store().selectFrom('ticket_event').select('key').where('ticket', '=', id);
  const kept = (await steps.where('kind', '=', 'progress').orderBy('at').execute()).map(({ key }) => key);
  const [run, again] = [`goes-on/${id}/1/1-1`, `goes-on/${id}/1/1-2`];
  expect(kept.map((key) => key.slice(`${id}/1/`.length))).toEqual([
    ...[`${run}/investigate`, `${run}/patch`, `${run}/build`, expect.stringContaining('1-1/proof/unit')],
    ...[`${again}/patch`, `${again}/build`, expect.stringContaining('1-2/proof-of-test')],
    ...[expect.stringContaining('1-2/proof/unit'), `${again}/review`],
    ...['proposed', 'approved', 'applied', 'goes-on/1/waits', 'goes-on/1/release', 'verified'],
  ]);
  expect(repository.git('rev-parse', 'main')).toBe(branch);
  expect(repository.git('rev-parse', asked.question.binds.ref ?? '')).toBe(asked.question.binds.commit);
}, 400_000);
