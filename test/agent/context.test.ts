import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, expect, test } from 'vitest';
import type { HeldBy } from '../../activities/agent/brief.ts';
import { assembleContext, type ContextOrder } from '../../activities/agent/context.ts';
import { createEvidence } from '../../activities/agent/evidence.ts';
import { heldWords } from '../../activities/agent/held-words.ts';
import { createOutlines, outlineOpenCandidates } from '../../activities/agent/outlines.ts';
import { assembleTicketContext } from '../../activities/agent/ticket-context.ts';
import { toolSpecs } from '../../activities/agent/tool-inputs.ts';
import { laidOutDriver } from '../../activities/fixes/environments.ts';
import { createLiveStatus } from '../../activities/health/live-status.ts';
import { createRecallAboutCode } from '../../activities/memory.ts';
import { createSettingsReader } from '../../activities/settings.ts';
import { environmentSchema } from '../../config/environment.ts';
import { settingsSchema } from '../../config/schema.ts';
import { gitIn } from '../../git/clone.ts';
import { run } from '../../lib/run.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { recordBuild } from '../../store/builds.ts';
import type { Db } from '../../store/database.ts';
import { confirmMemory, keepMemory, recallsOf } from '../../store/memory.ts';
import { closeRelease, keepSettings, openRelease, recordCandidate, recordCut } from '../../store/releases.ts';
import { keepRunning } from '../../store/rollout-report.ts';
import type { AgentSubject } from '../../workflows/agent-types.ts';
import { makeRepository, patchMessage } from '../release/repository.ts';
import { useDatabases } from '../story/database.ts';

const freshDatabase = useDatabases();
const dir = mkdtempSync(join(tmpdir(), 'pw-context-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const fork = makeRepository(join(dir, 'fork'));
const base = fork.commit(
  {
    'AGENTS.md': '# House rules\nRun the small tests first.\n',
    '.github/CODEOWNERS': '*.java @java-team\n',
    'src/Sum.java': 'class Sum {\n  int of(int a, int b) { return a + b; }\n}\n',
  },
  'Base',
);
const candidate = fork.commit(
  {
    'src/Sum.java':
      'class Sum {\n  int of(int a, int b) { return a + b + b; }\n  int twice(int a) { return 2 * a; }\n}\n',
    'logo.bin': '\0\u0001',
  },
  patchMessage('Count twice'),
);

const NOTHING = {
  fetch: async () => {
    throw new Error('nothing is installed here');
  },
};

/** Lays a cluster out that never ran. */
function layOut(dataDir: string, system: 'kafka' | 'process') {
  const ports = { broker: 1, jolokia: 1 };
  const target = { name: 'one', roles: ['controller', 'broker'], nodeId: 1, host: '127.0.0.1', ports, dir: dataDir };
  mkdirSync(join(dataDir, 'env/staging'), { recursive: true });
  writeFileSync(join(dataDir, 'env/staging/cluster.json'), JSON.stringify({ system, targets: [target] }));
}

const environment = { PATH: process.env.PATH ?? '', HOME: dir };

/** Remembered of a ticket; of everyone's, of one person's, unconfirmed, and of a file that has changed since. */
async function remember(db: Db): Promise<string> {
  const blob = fork.git('rev-parse', 'upstream:src/Sum.java');
  const keep = async (cause: string, readers: string[] | undefined, rests = blob) => {
    const restsOn = [{ place: 'sum', path: 'src/Sum.java', blob: rests }];
    const words = { asked: 'Why are sums wrong?', cause, change: 'The sum was mended' };
    const id = await keepMemory(db, {
      ticket: 'T0:C0:1',
      fix: cause,
      digest: 'd',
      ...words,
      restsOn,
      readers: ['ann'],
    });
    if (readers !== undefined) await confirmMemory(db, { id, by: 'bob', readers });
    return id;
  };
  await keep('known to ann alone', ['ann']);
  await keep('not confirmed', undefined);
  await keep('of a file that is another now', ['everyone'], base);
  return keep('b was counted twice', ['everyone']);
}

async function openWorld() {
  const { db } = await freshDatabase();
  const dataDir = mkdtempSync(join(dir, 'data-'));
  const house = join(dataDir, 'house');
  mkdirSync(join(house, 'our-way'), { recursive: true });
  writeFileSync(join(house, 'our-way/SKILL.md'), '---\nname: our-way\ndescription: How we do it.\n---\nBody.\n');
  mkdirSync(join(house, 'broken'));
  const settings = settingsSchema.parse({
    forks: {
      sum: {
        ...{ repository: fork.dir, base: 'upstream', branch: 'upstream' },
        build: { command: ['true'], artifacts: [{ name: 'a', path: 'a' }] },
        suites: { fast: { runner: 'junit-xml', command: ['true'], reports: ['r'] } },
        release: { suites: ['fast'], environments: ['staging'] },
        agent: { skills: [house] },
      },
    },
    people: { ann: { name: 'Ann' } },
    support: {
      repositories: {
        open: { repository: fork.dir, branch: 'upstream' },
        vault: { repository: fork.dir, branch: 'upstream', readers: ['ann'] },
      },
    },
    environments: {
      staging: {
        system: 'process',
        targets: [{ name: 'one', files: { a: 'a' }, start: ['true'], ready: { log: 'x' } }],
      },
    },
  });
  const digest = await keepSettings(db, settings);
  const request = { fork: 'sum', ref: 'main', requestedBy: 'a', suites: [], environments: [], settings: digest };
  await closeRelease(db, await openRelease(db, request), { kind: 'held', at: 'suites', reasons: ['SumTest fails'] });
  const release = await openRelease(db, request);
  await recordCut(db, release, { baseCommit: base, baseVersion: '1', patches: [] });
  await recordCandidate(db, { release, n: 1, commit: candidate, version: '1-fork', sandbox: 'on' });
  await sql`insert into unit_history (fork, unit, seconds, runs, failures, failure_rate)
    values ('sum', 'SumTest', 1.5, 40, 3, 0.05)`.execute(db);
  await keepRunning(db, 'staging', 'one', { version: '1-fork', artifacts: [] });
  const recall = createRecallAboutCode({
    db,
    within: (_settings, _name, work) => work(gitIn({ run, environment }, fork.dir)),
    ownValueOf: async () => undefined,
  });
  const deps = {
    recall,
    ...{ db, dataDir, artifacts: createArtifactStore(join(dataDir, 'artifacts')), settings: createSettingsReader(db) },
    ...{ run, environment },
    status: createLiveStatus({ db, driverOf: laidOutDriver({ dataDir, hostEnv: {}, artifacts: NOTHING }) }),
  };
  const order: ContextOrder = {
    ...{ release, settings: digest, fork: 'sum', base, candidate },
    patches: [
      {
        ...{ commit: candidate, subject: 'Count twice', author: 'T <t@example.org>' },
        ...{
          reason: 'a test needs it',
          upstreamStatus: 'Inappropriate [test]',
          dropWhen: 'the test is gone',
          check: 'true',
        },
      },
    ],
    failing: { suiteRun: `${release}/1/fast`, unit: 'SumTest' },
  };
  return { deps, order };
}

test('six layers are assembled from git, the store, the configuration and the skills', async () => {
  const { deps, order } = await openWorld();
  const memory = await remember(deps.db);
  const { text, layers, skills, memories } = await assembleContext(deps, order);
  const part = (title: string) => text.split(/^## /m).find((one) => one.startsWith(title)) ?? '';

  const changed = part('What changed');
  expect(changed).toContain('src/Sum.java +2 -1');
  expect(changed).toContain('logo.bin (binary)');
  expect(changed).toContain('SumTest: failed in 3 of 40 runs (newest weigh most: 5.0 %)');
  expect(changed).toMatch(/sum-1 \d{4}-\d\d-\d\d held: SumTest fails/);
  expect(changed).not.toContain('sum-2');

  const annotations = part('Owners');
  expect(annotations).toContain('Count twice (T <t@example.org>)');
  expect(annotations).toContain(
    'Reason: a test needs it; Upstream-Status: Inappropriate [test]; Drop-When: the test is gone',
  );
  expect(annotations).toContain('src/Sum.java: @java-team');
  expect(annotations).toContain('logo.bin: nobody');
  expect(annotations).toContain('Run the small tests first.');

  expect(part('Outline')).toContain(
    'src/Sum.java\n    1 class Sum\n    2   int of(int a, int b)\n    3   int twice(int a)',
  );
  expect(part('Runbooks')).toContain('our-way: How we do it.');
  expect(part('Runbooks')).toContain('left out: house/broken: it has no SKILL.md');
  expect(part('Memory')).toContain(`${memory} (from ticket T0:C0:1, confirmed `);
  expect(part('Memory')).toContain('The cause that was found: b was counted twice');
  expect(part('Memory')).not.toMatch(/ann alone|not confirmed|another now/);
  const provenance = { from: 'T0:C0:1', digest: 'd' };
  expect(memories).toEqual([{ memory, ...provenance, confirmedBy: 'bob' }]);
  expect(await recallsOf(deps.db, order.release)).toMatchObject([{ id: memory, ...provenance, confirmed_by: 'bob' }]);
  expect(part('What runs now')).toContain('one: 1-fork since');
  expect(part('What runs now')).toContain('staging was never brought up');

  expect(layers).toHaveLength(6);
  for (const { characters, of, budget } of layers) {
    expect(characters).toBeLessThanOrEqual(budget);
    expect(of).toBeGreaterThan(0);
  }
  expect(skills.map(({ name }) => name)).toContain('our-way');
});

test('a ticket’s agent has the layers of what everyone may read, and of nothing else', async () => {
  const { deps, order } = await openWorld();
  const memory = await remember(deps.db);
  const asked: string[] = [];
  const documents = async (question: string) => {
    asked.push(question);
    return '## chunk c1: handbook sums.md\nSums are made by Sum.';
  };
  const place = (name: string) => ({ name, commit: name === 'sum' ? candidate : base });
  const about = 'Why are sums wrong on staging? I call twice.';
  const given = await assembleTicketContext(
    { ...deps, documents },
    { ticket: 'T0:C0:2', settings: order.settings, about, places: ['sum', 'repo.open', 'repo.vault'].map(place) },
  );
  const part = (title: string) => given.text.split(/^## /m).find((one) => one.startsWith(title)) ?? '';
  expect(part('What changed lately')).toMatch(
    /### sum, newest first\n\w+ \S+ Count twice[\s\S]*release sum-2 of main: goes on/,
  );
  expect(part('House rules')).toContain('Run the small tests first.');
  expect(part('House rules')).toContain('*.java @java-team');
  expect(part('Outline')).toContain('src/Sum.java\n    1 class Sum\n    2   int of(int a, int b)');
  expect(part('Documents')).toContain('Sums are made by Sum.');
  expect(part('Memory')).toContain(memory);
  expect(part('Memory')).not.toMatch(/ann alone|not confirmed|another now/);
  expect(part('What runs now')).toContain('staging was never brought up');
  expect(given.text).not.toContain('vault');
  expect(given.text).toContain('1 more, of which nothing is given here');
  expect(asked).toEqual([about]);
  expect(given.layers).toHaveLength(6);
  for (const { characters, budget } of given.layers) expect(characters).toBeLessThanOrEqual(budget);
  expect(await recallsOf(deps.db, 'T0:C0:2')).toMatchObject([{ id: memory }]);
  // A repository that is away, or without its branch, takes with it what rests on it, and nothing else.
  const settings = await deps.settings(order.settings);
  const of = { places: ['sum'], question: about, audience: ['ann'], of: 'T0:C0:3', settings };
  const within = () => Promise.reject(new Error('the repository does not answer'));
  const away = createRecallAboutCode({ db: deps.db, within, ownValueOf: async () => undefined });
  expect((await deps.recall(of)).map(({ id }) => id)).toContain(memory);
  expect(await away(of)).toEqual([]);
});

test('what holds a release is told with what upstream did since, where that may be why', async () => {
  const { deps } = await openWorld();
  const moved = makeRepository(join(dir, 'moved'));
  const first = moved.commit({ 'Sum.java': 'one\n', other: 'x' }, 'First');
  const patch = moved.commit({ 'Sum.java': 'two\n' }, patchMessage('Two'));
  moved.git('checkout', '--quiet', '-b', 'newer', first);
  const same = moved.commit({ 'Sum.java': 'two\n' }, 'Upstream has two');
  const newer = moved.commit({ other: 'y' }, 'Of no matter');
  const log = (await deps.artifacts.put('the check speaks\n')).sha256;
  const told = (held: HeldBy, more: Partial<AgentSubject>, said: string[] = []) =>
    heldWords({
      ...{
        db: deps.db,
        git: gitIn({ run, environment }, moved.dir),
        evidence: createEvidence(deps.db, deps.artifacts),
      },
      ...{ held, said, subject: { fork: 'sum', base: newer, candidate: newer, log, ...more } },
    });
  const old = { base: `${patch}^`, patched: patch };

  const upstream = await told('upstream', { old }, ['it is in the base']);
  expect(upstream).toMatch(
    new RegExp(`^it is in the base\\n\\nWhat upstream did since.*:\\n= ${same.slice(0, 7)}\\w* \\S+ Upstream has two$`),
  );
  const check = await told('check', { old }, ['its check failed', 'it asks for two']);
  expect(check).toMatch(
    /^its check failed\nit asks for two\n\nWhat the check printed:\nthe check speaks\n\nWhat upstream/,
  );
  expect(await told('check', {}, ['it failed'])).toContain('upstream did nothing meanwhile');

  expect(await told('base', {})).toMatch(/^the check speaks[\s\S]*No base of this fork was built before/);
  const build = { fork: 'sum', commit: first, version: '1', digest: 'd', buildKey: 'k' };
  const artifacts = [{ name: 'a', sha256: log, bytes: 1 }];
  await recordBuild(deps.db, {
    ...build,
    artifacts,
    command: ['true'],
    toolchain: {},
    seconds: 1,
    log,
    sandbox: 'on',
  } as never);
  await sql`update candidate set base_build_key = 'k'`.execute(deps.db);
  await sql`update release set base_commit = ${first} where base_commit is not null`.execute(deps.db);
  expect(await told('base', {})).toMatch(
    /The base that was built last is \w{12} \(sum-2\)\. From there to this one:\n. \w+ \S+ Of no matter\n/,
  );
  await sql`update release set base_commit = ${'0'.repeat(40)} where base_commit is not null`.execute(deps.db);
  expect(await told('base', {})).toContain('not known here, since this clone lacks the commits');
});

test('outlines are made ahead of time, kept by commit, and made again where they were lost', async () => {
  const { deps } = await openWorld();
  const outlines = createOutlines(deps);
  // No clone yet: nothing to read, and nothing is wrong.
  expect(await outlineOpenCandidates(deps)).toBe(0);
  mkdirSync(join(deps.dataDir, 'git'), { recursive: true });
  fork.git('clone', '--quiet', '--bare', fork.dir, join(deps.dataDir, 'git/sum.git'));
  expect(await outlineOpenCandidates(deps)).toBe(1);
  expect(readdirSync(join(deps.dataDir, 'outlines/sum'))).toHaveLength(1);

  // With the clone away only what was kept can answer.
  rmSync(join(deps.dataDir, 'git'), { recursive: true });
  const kept = await outlines.of('sum', base, candidate);
  expect(kept.files).toMatchObject([{ path: 'src/Sum.java' }]);
  expect(existsSync(join(deps.dataDir, 'git'))).toBe(false);

  rmSync(join(deps.dataDir, 'artifacts'), { recursive: true });
  mkdirSync(join(deps.dataDir, 'artifacts/incoming'), { recursive: true });
  fork.git('clone', '--quiet', '--bare', fork.dir, join(deps.dataDir, 'git/sum.git'));
  expect(await outlines.of('sum', base, candidate)).toEqual(kept);
});

test('an environment that does not answer is told as such, with what the store last read and when', async () => {
  const { deps, order } = await openWorld();
  const settings = await deps.settings(order.settings);
  layOut(deps.dataDir, 'process');
  // Its processes are asked: none was ever started.
  const asked = await deps.status.whole(settings, 'staging');
  expect(asked).toMatch(/^staging, asked at [^\n]+:\none: unknown\n/);
  expect(asked).toContain('which may be otherwise by now:');
  expect(asked).toMatch(/one: 1-fork, read \d+ s ago/);

  const cluster = {
    system: 'kafka',
    provision: { combined: 1 },
    library: 'kafka',
    artifacts: { a: 'a.jar' },
    initial: 'library',
  };
  const clustered = { ...settings, environments: { staging: environmentSchema.parse(cluster) } };
  expect(await deps.status.whole(clustered, 'staging')).toContain(
    'NO ANSWER: environment staging was laid out as process',
  );
  layOut(deps.dataDir, 'kafka');
  const silent = await deps.status.whole(clustered, 'staging');
  expect(silent).toContain('answered by: no broker\nquorum: unknown\npartitions: unknown');
  expect(silent).toContain('unknown: the quorum (no answer to DescribeQuorum)');
  expect(silent).toMatch(/one: 1-fork, read \d+ s ago/);
  expect(await deps.status.brief(clustered, 'staging')).not.toContain('topics');
  const topic = await deps.status.whole(clustered, 'staging', { type: 'topic', name: 'orders' });
  expect(topic).toMatch(/NO ANSWER: .*127\.0\.0\.1:1 failed/);
});

test.each(['diagnose', 'repair', 'patch', 'review-tests'] as const)('%s has thirteen tools at the most', (role) => {
  const names = toolSpecs(role, { arms: [], environments: ['staging'] }).map(({ name }) => name);
  expect(names.length).toBeLessThanOrEqual(13);
  expect(names.includes('status')).toBe(role === 'diagnose' || role === 'repair');
  expect(toolSpecs(role, { arms: [], environments: [] }).map(({ name }) => name)).not.toContain('status');
});
