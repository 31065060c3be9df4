import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Report } from '../../report/report.ts';
import { approvalsOf } from '../../store/approvals.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { makeRepository, patchMessage } from '../release/repository.ts';
import { until } from '../rollout/fixture.ts';
import { startModel } from '../servers/model.ts';
import { ALL_TESTS, GREETER, PART_TEST, yamlOf } from './greeter.ts';
import { HELD_CASES } from './held.ts';
import { byRole, type Script } from './script.ts';

/** Whole repairs through the product: its own build, tests, verdicts, proof and reviews; the model is played. */
let model: Awaited<ReturnType<typeof startModel>>;
let patchwright: Patchwright;
let repository: ReturnType<typeof makeRepository>;

beforeAll(async () => {
  model = await startModel(() => ({ status: 500 }));
  patchwright = patchwrightIn(yamlOf(model.url), { REPAIR_MODEL_KEY: 'repair-model-key-0123' });
  repository = makeRepository(join(patchwright.folder, 'fork'));
  repository.commit(ALL_TESTS, 'Greeter 1.0');
  repository.git('branch', 'main');
  await patchwright.start();
}, 120_000);
afterAll(async () => {
  await patchwright?.close();
  await model.stop();
});

const NOTE = { note: 'a file of a patch before\n' };
const BYE = GREETER.replace('"hello " + name;', '"bye " + name;').replace(
  '\n  public static String shout',
  '\n  public static String part(String name) {\n    return "bye " + name;\n  }\n\n  public static String shout',
);

beforeEach(() => {
  repository.git('checkout', '--quiet', '-B', 'main', 'upstream');
  repository.commit(NOTE, patchMessage('Add a note'));
  repository.commit({ 'Greeter.java': BYE }, patchMessage('Part as well as greet'));
  repository.commit({ note: 'a file of a patch after\n' }, patchMessage('Change the note'));
});

async function release(script: Script, fork = 'greeter', meanwhile: () => Promise<void> = async () => undefined) {
  model.play(byRole(script));
  const [ran] = await Promise.all([patchwright.call('release', fork), meanwhile()]);
  const report = await patchwright.json<Report>('report', 'latest');
  return { ran, report, told: report.thread.map(({ text }) => text).join('\n') };
}

/** Decides on the one question that waits, by the command, with the person's own token. */
async function decide(person: string, decision: string, ...more: string[]) {
  const { id, question, open } = await waiting();
  const { token } = await patchwright.json<{ token: string }>('people', 'token', person);
  const args = [decision, id, '--digest', open.digest, ...more];
  const said = await patchwright.callWith({ PATCHWRIGHT_TOKEN: token }, ...args);
  if (said.status === 0) decided.add(id);
  return { ...said, id, digest: open.digest, question };
}

/** What was decided stands as waiting for a moment more: its workflow puts the end down. */
const decided = new Set<string>();
const waiting = () =>
  until('somebody is asked', async () => {
    const asked = await approvalsOf(patchwright.store(), { waiting: true });
    return asked.find(({ id }) => !decided.has(id));
  });

const PROPOSE: [string, unknown] = [
  'propose',
  { cause: 'The patch says bye where greet has to say hello.', change: 'greet says hello again.', risk: 'none known' },
];
const edit = (old: string, now: string, path = 'Greeter.java'): [string, unknown] => [
  'edit_file',
  { path, old, new: now },
];
const MEND = edit('greet(String name) {\n    return "bye "', 'greet(String name) {\n    return "hello "');

/** The guilty patch in full, the others a line each, and what the diagnosis before has said, as what it is. */
function expectToBeGiven(brief: string): void {
  expect(brief).toContain('Part as well as greet: a test needs it  <- your change goes into this patch');
  expect(brief.match(/Part as well as greet/g)?.length).toBeLessThanOrEqual(3);
  expect(brief).toMatch(/## The patch that your change goes into\n[\s\S]*\+ {4}return "bye " \+ name;/);
  expect(brief).toMatch(/1\. [0-9a-f]{12} Add a note: a test needs it$/m);
  expect(brief).toContain('… and 1 that only the other patches change');
  expect(brief).toMatch(/An explanation, not proven\n[\s\S]*Cause \(low confidence\): The cause is somewhere/);
}

test('a broken patch is repaired, proven, reviewed and released as a second candidate', async () => {
  const seen: string[] = [];
  const { ran, report, told } = await release(({ role, turn, outputs, brief }) => {
    if (role !== 'repair') return undefined;
    seen.push(...outputs);
    if (turn === 1) expectToBeGiven(brief);
    const log: [string, unknown] = ['evidence', { what: 'log' }];
    if (turn === 1) return { calls: [['read_file', { arm: 'mine', path: 'Greeter.java' }], log, MEND] };
    if (turn === 2)
      return { calls: [['shell', { command: 'grep -n hello Greeter.java; id -u; echo x > out-of-place' }]] };
    if (turn === 3)
      return {
        calls: [['shell', { command: 'rm out-of-place' }], edit('', PART_TEST, 'PartTest.java'), ['run_tests', {}]],
      };
    return { calls: [PROPOSE] };
  });
  expect(ran.status, `${ran.stderr}\n${told}\n${seen.join('\n')}`).toBe(0);
  expect(report.outcome).toEqual({ kind: 'released', reasons: [] });
  expect(report.candidates.map(({ outcome }) => outcome)).toMatchObject([
    { kind: 'held', at: 'suites', reasons: [expect.stringContaining('greets')] },
    { kind: 'released' },
  ]);
  expect(seen.join('\n')).toContain('return "hello " + name');
  expect(seen.join('\n')).toMatch(/What the test failed with:\n[\s\S]*not so[\s\S]*Its log:\n/);
  expect(seen.join('\n')).toMatch(/it builds, and the tests pass/);
  expect(told).toMatch(
    /proven in a clean room: it builds; .* failed 5 of 5 before, 0 of 5 with the change; .*whole suite: 2 passed, 0 failed, 0 of them broken by it; apart from these, tests that the agent touched: 1 passed, 0 failed\. A test that the agent added or touched, no proof of its change: PartTest\.java/,
  );
  expect(report.agent.tests).toEqual([{ run: 'greeter-1/1/repair-1', path: 'PartTest.java' }]);

  const [first, second] = report.candidates;
  expect(second?.suites[0]?.tests).toEqual({ passed: 3, failed: 0, skipped: 0 });
  const log = (tip: string) => repository.git('log', '--reverse', '--format=%an %s', `upstream..${tip}`);
  expect(log(second?.commit ?? '')).toBe(log(first?.commit ?? ''));
  expect(repository.git('rev-parse', 'main')).toBe(first?.commit);
  const message = repository.git('log', '-1', '--format=%B', `${second?.commit}~1`);
  expect(message).toMatch(
    /Part as well as greet[\s\S]*Drop-When: the test is gone\nRepaired-By: patchwright greeter-1\/1\/repair-1/,
  );
  expect(repository.git('show', `${second?.commit}:Greeter.java`)).toContain('return "bye " + name');
  expect(repository.git('diff', '--name-only', first?.commit ?? '', second?.commit ?? '')).toBe(
    'Greeter.java\nPartTest.java',
  );
  expect(report.agent.runs).toBe(5);
}, 300_000);

/** What upstream has: the tests pass, and nothing of the patch is left. */
const TAKE_AWAY = edit(
  'return "bye " + name;\n  }\n\n  public static String part(String name) {\n    return "bye " + name;',
  'return "hello " + name;',
);

test('every lie is caught by code: nothing or the test changed, another one broken, its input known, the patch taken away', async () => {
  const seen: string[] = [];
  const special = 'if (name.equals("you")) return "hello you";';
  const { ran, report, told } = await release(({ role, turn, outputs, brief }) => {
    if (role === 'review-tests' && brief.includes('equals("you")')) {
      const finding = {
        severity: 'blocks',
        file: 'Greeter.java',
        line: special,
        problem: 'It only knows what the test asks for.',
      };
      const made = {
        severity: 'blocks',
        file: 'Greeter.java',
        line: 'String nowhere;',
        problem: 'This line is not in the change.',
      };
      return { calls: [['review', { findings: [finding, made] }]] };
    }
    if (role !== 'repair') return undefined;
    seen.push(...outputs);
    if (brief.includes('only knows what the test asks for'))
      return turn === 1 ? { calls: [TAKE_AWAY] } : { calls: [PROPOSE] };
    if (brief.includes('sent back')) {
      if (turn === 1)
        return {
          calls: [
            edit(
              'return "bye " + name;\n  }\n\n  public static String part',
              `${special}\n    return "bye " + name;\n  }\n\n  public static String part`,
            ),
          ],
        };
      return { calls: [PROPOSE] };
    }
    if (turn === 1) return { calls: [PROPOSE] };
    if (turn === 2) return { calls: [edit('startsWith("hello")', 'startsWith("bye")', 'GreeterTest.java'), PROPOSE] };
    if (turn === 3)
      return {
        calls: [
          edit('startsWith("bye")', 'startsWith("hello")', 'GreeterTest.java'),
          MEND,
          edit('("hello " + name)', '("hullo " + name)'),
        ],
      };
    return { calls: [PROPOSE] };
  });
  expect(ran.status, `${ran.stderr}\n${told}`).toBe(1);
  expect(report.outcome?.kind).toBe('held');
  expect(seen.join('\n')).toContain('not taken: you changed nothing');
  expect(seen.join('\n')).toMatch(/not taken: GreeterTest\.java holds .*a test is never changed/);
  expect(told).toMatch(/change 1 is not taken: it breaks .*shouts/);
  expect(told).toMatch(
    /Reviewers object to the agent's change 2: Greeter\.java «if \(name\.equals\("you"\)\) return "hello you";»/,
  );
  expect(told).not.toContain('String nowhere');
  expect(told).toMatch(/change 3 is not taken: the change takes everything away that "Part as well as greet" does/);
  expect(told).toMatch(/No repair: 3 changes were not taken/);
  expect(report.candidates).toHaveLength(1);
}, 300_000);

const MISTYPE = { 'Greeter.java': GREETER.replace('"hello " + name;', '"bye " + nam;') };

test('its commands reach nothing outside: no secret, no network, no file but its own', async () => {
  // What does not build is held soonest: an agent's commands are the same.
  repository.git('checkout', '--quiet', '-B', 'main', 'upstream');
  repository.commit(MISTYPE, patchMessage('Mistype'));
  let said = '';
  const commands = [
    'env; cat /proc/1/environ /proc/self/environ | tr "\\0" "\\n"',
    `ls ${patchwright.data} ${patchwright.folder} 2>&1; cat ${patchwright.folder}/patchwright.yaml 2>&1`,
    'java -version 2>/dev/null; (echo > /dev/tcp/1.1.1.1/53) 2>&1 | head -1; cat /sys/class/net/*/address 2>&1; ip addr 2>&1 | head -3',
    'echo owned > /etc/owned; echo $?; echo owned > /usr/owned; echo $?; git config --global core.hooksPath /tmp; git push origin HEAD 2>&1 | tail -1',
  ];
  const { ran, told } = await release(({ role, turn, outputs }) => {
    if (role !== 'repair') return undefined;
    said += outputs.join('\n');
    if (turn === 1) return { calls: commands.map((command) => ['shell', { command }]) };
    return { text: 'That was all.' };
  });
  expect(ran.status).toBe(1);
  expect(told).toMatch(/No repair: it made no call in 3 turns/);
  expect(said).toContain('exit 0');
  expect(said).not.toContain('repair-model-key');
  expect(said).not.toContain('REPAIR_MODEL_KEY');
  expect(said).not.toContain('scripted');
  expect(said).not.toContain('HTTP');
}, 300_000);

const MISTYPED = {
  cause: 'The parameter is called name; it is called nam here.',
  quotes: [
    { where: 'log', text: 'symbol: variable nam' },
    { where: 'candidate', file: 'Greeter.java', text: 'return "bye " + nam;' },
    { where: 'base', file: 'Greeter.java', text: 'return "hello " + name;' },
  ],
  confidence: 'high',
  todo: 'Write name.',
};

/** Once it compiles, a test fails by it. */
function mendAfterwards({ role, turn }: Pick<Parameters<Script>[0], 'role' | 'turn'>): ReturnType<Script> {
  if (role !== 'repair') return undefined;
  return turn === 1 ? { calls: [edit('"bye " + (name)', '"hello " + (name)')] } : { calls: [PROPOSE] };
}

test('a patch that does not compile is mended by what people ask for; whoever did decides on no later candidate', async () => {
  repository.git('checkout', '--quiet', '-B', 'main', 'upstream');
  repository.commit(NOTE, patchMessage('Add a note'));
  repository.commit(MISTYPE, patchMessage('Mistype'));
  repository.commit({ note: 'a file of a patch after\n' }, patchMessage('Change the note'));
  const script: Script = ({ role, turn, brief, instructions }) => {
    if (brief.includes('GreeterTest')) return mendAfterwards({ role, turn });
    if (role === 'diagnose') {
      expect(instructions).toContain('You explain why a patched fork of a data platform does not compile');
      expect(brief).toMatch(/from its first error on[\s\S]*error: cannot find symbol[\s\S]*symbol: +variable nam/);
      return { calls: [['answer', MISTYPED]] };
    }
    if (role !== 'repair') return undefined;
    if (turn === 1) {
      expect(brief).toMatch(/Mistype: a test needs it {2}<- your change goes into this patch/);
      expect(brief).toMatch(/error: cannot find symbol/);
      expect(brief).toMatch(/NOT proven[\s\S]*is called nam here[\s\S]*- the log: symbol: variable nam/);
      const now = brief.includes('bob asks for: no quotes') ? '+ (name);' : '+ (name + "");';
      if (now === '+ (name);') expect(brief).toMatch(/## Your earlier change[\s\S]*\+ \(name \+ ""\);/);
      return { calls: [['edit_file', { path: 'Greeter.java', old: '+ nam;', new: now }]] };
    }
    return turn === 2 ? { calls: [['run_tests', {}]] } : { calls: [PROPOSE] };
  };
  const { ran, report, told } = await release(script, 'partly', async () => {
    expect((await decide('bob', 'reject', '--changes', '--note', 'no quotes')).status).toBe(0);
    expect((await decide('cyd', 'approve')).status).toBe(0);
    // What the second candidate breaks, no proof has looked at.
    const steered = await decide('bob', 'approve');
    expect(steered).toMatchObject({ status: 1, stdout: expect.stringContaining('bob wrote or steered it') });
    expect(steered.question.summary).toMatch(
      /failed 5 of 5 before, 0 of 5 with the change; NOT run: the rest of the suite/,
    );
    expect((await decide('cyd', 'approve')).status).toBe(0);
  });
  expect(ran.status, `${ran.stderr}\n${told}`).toBe(0);
  expect(report.candidates).toHaveLength(3);
  expect(repository.git('show', `${report.candidates[1]?.commit}~1:Greeter.java`)).toContain('"bye " + (name);');
  expect(repository.git('show', `${report.candidates[2]?.commit}~1:Greeter.java`)).toContain('"hello " + (name);');
  expect(told).toMatch(/bob asks for changes; the agent goes on/);
  expect(told).toMatch(
    /proven in a clean room: it builds; no patch has a check of its own; suite unit: NOT run: no test class of this suite is touched/,
  );
  expect(told).toMatch(/the build: the agent’s explanation \(high confidence; .* is called nam here/);
  expect(told).toMatch(/held: .*cannot find symbol; symbol: variable nam; location: class Greeter/);
}, 300_000);

const CONFLICTING = {
  cause: 'The patch greets dear ones in the line in which upstream has put a comma meanwhile.',
  quotes: [
    { where: 'old_base', file: 'Greeter.java', text: 'return "hello " + name;' },
    { where: 'old_patched', file: 'Greeter.java', text: 'return "hello dear " + name;' },
    { where: 'base', file: 'Greeter.java', text: 'return "hello, " + name;' },
    { where: 'log', text: '>>>>>>>' },
  ],
  confidence: 'high',
  todo: 'Keep both: the comma and dear.',
};

/** The script of whoever explains a conflict: it reads each arm, and lies about one first. */
const explainConflict: Script = ({ turn, brief, instructions, outputs }) => {
  if (turn === 1) {
    expect(instructions).toContain('You explain why a patch of a fork of a data platform does not apply');
    expect(instructions).toContain('- `old_base`: the OLD base');
    expect(brief).toMatch(
      /"Be kind" conflicts in Greeter\.java\.\n\nGreeter\.java, line 4:[\s\S]*<<<<<<<[\s\S]*>>>>>>>/,
    );
    expect(brief).toMatch(/## The patch that does not apply[\s\S]*\+ {4}return "hello dear " \+ name;/);
    const sides = ['old_base', 'old_patched', 'base', 'candidate', 'mine'].map((arm): [string, unknown] => {
      return ['search', { arm, pattern: 'hello.* name;' }];
    });
    return { calls: [...sides, ['compare', { from: 'old_base', to: 'base', path: 'Greeter.java' }]] };
  }
  if (turn === 2) {
    const [oldBase, oldPatched, base, candidate, mine, upstream] = outputs;
    expect(oldBase).toContain('"hello " + name');
    expect(oldPatched).toContain('"hello dear " + name');
    expect(base).toContain('"hello, " + name');
    expect(candidate).toMatch(/"hello, " \+ name[\s\S]*"hello dear " \+ name/);
    expect(mine).toContain('there is no arm "mine" here');
    expect(upstream).toMatch(/-.*"hello " \+ name;\n\+.*"hello, " \+ name;/);
    const made = { where: 'old_base', file: 'Greeter.java', text: 'return "hello dear " + name;' };
    return { calls: [['answer', { ...CONFLICTING, quotes: [made] }]] };
  }
  expect(outputs.join()).toContain('does not stand in Greeter.java of the old base');
  return { calls: [['answer', CONFLICTING]] };
};

/** The place that conflicts, with all of its marks, becomes this line. */
const resolveWith = (words: string): [string, unknown] => [
  'shell',
  {
    command: `sed -i -e '/^<<<<<<</,/^>>>>>>>/c\\    return "${words}" + name;' Greeter.java; cat Greeter.java`,
  },
];

test('conflicts on a newer base are explained where nothing is mended, and each is resolved where people decide', async () => {
  const upstream = repository.git('rev-parse', 'upstream');
  repository.git('checkout', '--quiet', 'upstream');
  repository.commit(
    { 'Greeter.java': GREETER.replace('"hello " + name;', '"hello, " + name;'), note: 'of upstream\n' },
    'Upstream says hello with a comma',
  );
  repository.git('checkout', '--quiet', '-B', 'main', upstream);
  repository.commit(
    { 'Greeter.java': GREETER.replace('"hello " + name;', '"hello dear " + name;') },
    patchMessage('Be kind'),
  );
  repository.commit(NOTE, patchMessage('Add a note'));
  model.play(byRole((asked) => (asked.role === 'diagnose' ? explainConflict(asked) : undefined)));
  expect((await patchwright.call('release', 'untouched')).status).toBe(1);
  const held = await patchwright.json<Report>('report', 'latest');
  expect(held).toMatchObject({ outcome: { kind: 'held', at: 'cut' }, agent: { runs: 1, turns: 3 } });
  expect(held.thread.map(({ text }) => text).join('\n')).toMatch(
    /the conflict of patch "Be kind" in Greeter\.java: the agent’s explanation .*Greeter\.java \(old base\) «return "hello " \+ name;»/,
  );

  model.play(
    byRole((asked) => {
      const { role, turn, brief, outputs } = asked;
      if (role === 'diagnose') return explainConflict(asked);
      if (role === 'review-tests' && brief.includes('my dear'))
        expect(brief).toContain('bob asks for: In Greeter.java, say my dear.');
      if (role === 'review-tests')
        return {
          calls: [['review', { findings: [], tried: ['to find a test of it'], open: ['Is a comma\nwanted?'] }]],
        };
      if (role !== 'repair') return undefined;
      if (brief.includes('conflicts in note')) return resolveNote(asked);
      if (brief.includes('bob asks for: In Greeter.java, say my dear.')) {
        expect(brief).toMatch(/in their words[\s\S]*no rule is lifted/);
        expect(brief).toMatch(/## Your earlier change[\s\S]*\+ {4}return "hello, dear " \+ name;/);
        expect(brief).toMatch(/## What you said of it\nThe patch says bye/);
        return turn === 1 ? { calls: [resolveWith('hello, my dear ')] } : { calls: [PROPOSE] };
      }
      if (brief.includes('sent back')) {
        // Once for a mark that is left, once for what breaks a test; each with the change that it was.
        const [left, broken] = ['still has the mark', 'it breaks GreeterTest'].map((words) => brief.includes(words));
        expect([left, broken]).toContain(true);
        if (broken) expect(brief).toMatch(/from the logs of its proof\n### GreeterTest/);
        expect(brief).toMatch(
          broken ? /earlier change[\s\S]*\+ {4}return "hullo, dear "/ : /earlier change[\s\S]*\+\/\/ a mark is left/,
        );
        return turn === 1 ? { calls: [resolveWith(broken ? 'hello, dear ' : 'hullo, dear ')] } : { calls: [PROPOSE] };
      }
      if (turn === 1) {
        expect(brief).not.toContain('earlier change');
        expect(brief).toContain('conflicts in Greeter.java');
        expect(brief).toMatch(/An explanation, not proven[\s\S]*old_patched: return "hello dear " \+ name;/);
        expect(asked.instructions).toMatch(/- `old_patched`: the patch on its OLD base[\s\S]*- `mine`: your files/);
        return { calls: [PROPOSE, ['read_file', { arm: 'mine', path: 'Greeter.java' }]] };
      }
      if (turn === 2) {
        expect(outputs.join('\n')).toContain('<<<<<<<');
        return { calls: [['shell', { command: 'echo "// a mark is left" >> Greeter.java' }]] };
      }
      return { calls: [PROPOSE] };
    }),
  );
  const notes: string[] = [];
  function resolveNote({ turn, brief }: Parameters<Script>[0]): ReturnType<Script> {
    if (turn > 1) return { calls: [PROPOSE] };
    const again = brief.includes('the resolution of patch "Be kind" before it is made anew');
    if (again) expect(brief).toMatch(/## Your earlier change[\s\S]*\+of both/);
    notes.push(again ? 'made anew' : 'new');
    return { calls: [['shell', { command: 'echo "of both" > note' }]] };
  }
  const running = patchwright.call('release', 'careful');
  const { question } = await waiting();
  expect(question.title).toContain('may the agent\'s change go into patches "Be kind", "Add a note"?');
  expect(question.summary).toMatch(
    /Proof \(by code\): it builds; no patch has a check of its own; suite unit: whole suite: 2 passed, 0 failed/,
  );
  expect(question.summary).toContain('+    return "hello, dear " + name;');
  expect(question.summary).toContain("Reviewer's open question: Is a comma wanted? (review-tests)");
  expect(question.summary).toContain('Reviewer tried: to find a test of it (review-tests)');
  expect(await decide('ann', 'approve')).toMatchObject({
    ...{ status: 1, stdout: expect.stringContaining('ann asked for it') },
  });
  const back = await decide('bob', 'reject', '--changes', '--note', 'In Greeter.java, say my dear.');
  expect(back.status, back.stdout).toBe(0);
  const steered = await decide('bob', 'approve');
  expect(steered).toMatchObject({ status: 1, stdout: expect.stringContaining('bob wrote or steered it') });
  const approved = await decide('cyd', 'approve');
  expect(approved.status, approved.stdout).toBe(0);
  expect(approved.id).toBe(`${back.id}/2`);
  expect(approved.digest).not.toBe(back.digest);
  expect(approved.question.summary).toMatch(
    /bob asks for: In Greeter\.java, say my dear\.[\s\S]*\+ {4}return "hello, my dear " \+ name;/,
  );
  const ran = await running;
  const report = await patchwright.json<Report>('report', 'latest');
  expect(ran.status, `${ran.stderr}\n${report.thread.map(({ text }) => text).join('\n')}`).toBe(0);
  const tip = report.candidates.at(-1)?.commit;
  expect(repository.git('show', `${tip}:Greeter.java`)).toContain('return "hello, my dear " + name;');
  expect(repository.git('log', '--reverse', '--format=%s', `upstream..${tip}`)).toBe('Be kind\nAdd a note');
  const told = report.thread.map(({ text }) => text).join('\n');
  expect(told).toMatch(
    /resolution of patch "Be kind" goes back to the agent, once: Greeter\.java still has the mark <<<<<<</,
  );
  expect(told).toMatch(/The resolution of patch "Be kind" goes back to the agent, once: it breaks GreeterTest/);
  expect(repository.git('show', `${tip}:note`)).toBe('of both');
  expect(notes).toEqual(['new', 'made anew', 'made anew']);
  expect(report.approvals).toMatchObject([{ decision: 'changes-requested' }, { decision: 'approved', by: 'cyd' }]);
}, 600_000);

test.each(HELD_CASES)(
  '%s is explained, and holds the release as before',
  async (_, make, { at, script, told }) => {
    make(repository, repository.git('rev-list', '--max-parents=0', 'upstream'));
    model.play(byRole((asked) => (asked.role === 'diagnose' ? script(asked) : undefined)));
    expect((await patchwright.call('release', 'untouched')).status).toBe(1);
    const report = await patchwright.json<Report>('report', 'latest');
    expect(report).toMatchObject({ outcome: { kind: 'held', at }, agent: { runs: 1 } });
    expect(report.thread.map(({ text }) => text).join('\n')).toMatch(told);
  },
  200_000,
);
