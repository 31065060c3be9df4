import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Report } from '../../report/report.ts';
import type { EnvironmentState } from '../../workflows/environment-messages.ts';
import { type Patchwright, patchwrightIn } from '../patchwright.ts';
import { startMaven } from '../servers/maven.ts';
import { startModel } from '../servers/model.ts';
import { makeRepository, patchMessage } from './repository.ts';

/**
 * Nothing knows the example: another fork, with another build, other tests and environments of plain
 * processes, is released by configuration alone. A Makefile-free Java program with a test that writes
 * JUnit XML itself: as far from Kafka and Maven as a fork can be.
 */
const FILES = {
  'Greeter.java': `
public class Greeter {
  public static String greet(String name) { return "hello " + name; }
  public static void main(String[] args) throws Exception {
    var server = com.sun.net.httpserver.HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
    var commit = new String(Greeter.class.getResourceAsStream("/commit").readAllBytes()).trim();
    server.createContext("/", exchange -> { var body = commit.getBytes(); exchange.sendResponseHeaders(200, body.length); exchange.getResponseBody().write(body); exchange.close(); });
    server.start();
    System.out.println("greeter is ready");
  }
}
`,
  'build.sh': `set -e
rm -rf out && mkdir -p out/classes
javac -d out/classes Greeter.java
printf '%s' "$PATCHWRIGHT_COMMIT" > out/classes/commit
jar --create --date=2026-01-01T00:00:00Z --file out/greeter.jar -C out/classes .
`,
  'test.sh': `mkdir -p out/classes out/reports
javac -d out/classes Greeter.java GreeterTest.java
java -cp out/classes GreeterTest out/reports
`,
  'GreeterTest.java': `
import java.nio.file.*;
public class GreeterTest {
  public static void main(String[] args) throws Exception {
    boolean good = Greeter.greet("you").startsWith("hello");
    Files.writeString(Path.of(args[0], "TEST-Greeter.xml"), "<testsuite name='GreeterTest' tests='1' failures='" + (good ? 0 : 1) + "'>"
      + "<testcase classname='GreeterTest' name='greets' time='0.01'>" + (good ? "" : "<failure message='no hello'>no hello</failure>") + "</testcase></testsuite>");
    System.exit(good ? 0 : 1);
  }
}
`,
};

const DIAGNOSIS = {
  cause: 'The patch says bye where the test wants hello.',
  quotes: [{ where: 'candidate', file: 'Greeter.java', text: '"bye "' }],
  confidence: 'high',
  todo: 'Say hello again.',
};

const target = (name: string) => `
      - name: ${name}
        files: { greeter.jar: lib/greeter.jar }
        start: [java, -Xmx32m, -XX:+UseSerialGC, -cp, lib/greeter.jar, Greeter, '{port}']
        ready: { log: greeter is ready }
        commit: { http: 'http://127.0.0.1:{port}/' }`;

const yaml = (folder: string) => `
model: { name: scripted, key: { env: SECOND_FORK_MODEL_KEY }, baseUrl: '${model.url}' }
forks:
  greeter:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: greeter.jar, path: out/greeter.jar }]
      toolchain: [[javac, -version]]
    suites:
      unit: { runner: junit-xml, command: [sh, test.sh], reports: [out/reports] }
    repair: { policy: off }
    release:
      suites: [unit]
      environments: [staging, production]
      publish:
        maven:
          url: ${maven.url}
          group: org.example.shop
          artifacts: { greeter.jar: {} }
          user: ${maven.user}
          password: { env: SECOND_FORK_MAVEN_PASSWORD }
environments:
  staging:
    system: process
    rollout: { soakSeconds: 1, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${target('one')}
  production:
    system: process
    rollout: { soakSeconds: 1, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${target('a')}${target('b')}
`;

let model: Awaited<ReturnType<typeof startModel>>;
let maven: Awaited<ReturnType<typeof startMaven>>;
let patchwright: Patchwright;
let repository: ReturnType<typeof makeRepository>;

beforeAll(async () => {
  model = await startModel((_, turn) => ({
    calls: turn === 1 ? [['read_file', { arm: 'candidate', path: 'Greeter.java' }]] : [['answer', DIAGNOSIS]],
  }));
  maven = await startMaven();
  patchwright = patchwrightIn(yaml, {
    SECOND_FORK_MODEL_KEY: 'second-fork-model-key',
    SECOND_FORK_MAVEN_PASSWORD: maven.password,
  });
  repository = makeRepository(join(patchwright.folder, 'fork'));
  repository.commit(FILES, 'Greeter 1.0');
  repository.git('checkout', '--quiet', '-b', 'main');
  repository.commit(
    { 'Greeter.java': FILES['Greeter.java'].replace('"hello "', '"hello, "') },
    patchMessage('Add a comma'),
  );
  await patchwright.start();
  for (const environment of ['staging', 'production']) {
    const up = await patchwright.call('env', 'up', environment);
    if (up.status !== 0) throw new Error(`${up.stderr}\n${patchwright.upLog()}`);
  }
});
afterAll(async () => {
  await patchwright.close();
  await model.stop();
  await maven.stop();
});

describe('another fork, by configuration alone', () => {
  test('is released to every process of every environment, read back from each', async () => {
    const ran = await patchwright.call('release', 'greeter');
    const report = await patchwright.json<Report>('report', 'latest');
    expect(ran.status, `${ran.stderr}\n${JSON.stringify(report.outcome)}`).toBe(0);
    const candidate = report.candidates[0];
    expect(report.outcome).toEqual({ kind: 'released', reasons: [] });
    expect(candidate?.sandbox).toBe('on');
    expect(candidate?.suites.map(({ name, tests, repeated }) => ({ name, tests, repeated }))).toEqual([
      { name: 'unit', tests: { passed: 1, failed: 0, skipped: 0 }, repeated: 0 },
    ]);
    expect(candidate?.rollouts.map(({ environment, outcome }) => [environment, outcome])).toEqual([
      ['staging', 'promoted'],
      ['production', 'promoted'],
    ]);
    for (const one of candidate?.rollouts.flatMap(({ targets }) => targets) ?? []) {
      expect(one.readBack?.commit).toBe(candidate?.commit);
      expect(one.readBack?.artifacts[0]?.sha256).toBe(candidate?.artifacts[0]?.sha256);
    }
    expect(report.effects.length).toBeGreaterThan(0);
    expect(report.effects.every(({ state }) => state === 'done')).toBe(true);
    expect(repository.git('rev-parse', 'refs/patchwright/released')).toBe(candidate?.commit);
  });

  test('is published to its Maven repository once nothing can take it back, and its thread says where', async () => {
    const published = async () => (await patchwright.json<Report>('report', 'latest')).thread.at(-1)?.text ?? '';
    await expect.poll(published, { timeout: 60_000 }).toContain('is published: http');
    const [candidate] = (await patchwright.json<Report>('report', 'latest')).candidates;
    const jar = maven.bytes(`org/example/shop/greeter/${candidate?.version}/greeter-${candidate?.version}.jar`);
    expect(createHash('sha256').update(jar).digest('hex')).toBe(candidate?.artifacts[0]?.sha256);
    const sent = maven.puts.length;
    expect((await patchwright.call('release', 'publish', 'latest')).status).toBe(0);
    const words = async () => (await patchwright.json<Report>('report', 'latest')).thread.map(({ text }) => text);
    const told = async () => (await words()).filter((text) => text.includes('is published: http')).length;
    await expect.poll(told, { timeout: 60_000 }).toBe(2);
    expect(maven.puts).toHaveLength(sent);
  });

  test('published to a place that is not there, then to one that is: the correction takes its place', async () => {
    const yaml = join(patchwright.folder, 'patchwright.yaml');
    const before = readFileSync(yaml, 'utf8');
    const publish = async (url: string) => {
      writeFileSync(yaml, before.replace(maven.url, url).replace('org.example.shop', 'org.example.other'));
      return patchwright.json<{ replaced: boolean }>('release', 'publish', 'latest');
    };
    expect(await publish('http://127.0.0.1:1/releases')).toMatchObject({ replaced: false });
    expect(await publish(maven.url)).toMatchObject({ replaced: true });
    writeFileSync(yaml, before);
    const words = async () => (await patchwright.json<Report>('report', 'latest')).thread.map(({ text }) => text);
    await expect
      .poll(words, { timeout: 60_000 })
      .toContainEqual(expect.stringContaining('/org/example/other/greeter/'));
  });

  test('runs, from outside, what was released', async () => {
    const shown = await patchwright.json<{ targets: { name: string; ports: Record<string, number>; dir: string }[] }>(
      'env',
      'show',
      'production',
    );
    expect(shown.targets.map(({ name }) => name)).toEqual(['a', 'b']);
    const report = await patchwright.json<Report>('report', 'latest');
    for (const { ports, dir } of shown.targets) {
      const answer = await fetch(`http://127.0.0.1:${Object.values(ports)[0]}/`);
      expect(await answer.text()).toBe(report.candidates[0]?.commit);
      const jar = createHash('sha256')
        .update(readFileSync(join(dir, 'lib/greeter.jar')))
        .digest('hex');
      expect(jar).toBe(report.candidates[0]?.artifacts[0]?.sha256);
    }
  });

  test('released three times at once: each is its own, and the newest takes the place of what has not started', async () => {
    const before = repository.git('rev-parse', 'HEAD');
    const begin = async (...args: string[]) =>
      (await patchwright.json<{ release: string }>('release', 'greeter', '--detach', ...args)).release;
    const shown = () => patchwright.json<{ inEffect: { state: EnvironmentState } }>('env', 'show', 'staging');
    const state = async () => (await shown()).inEffect.state;
    expect((await patchwright.call('env', 'pause', 'staging', '--reason', 'a test')).status).toBe(0);
    const commits = [repository.commit({ note: '1\n' }, patchMessage('Note one'))];
    const releases = [await begin()];
    const running = async () => (await state()).running?.request.order.release;
    await expect.poll(running, { timeout: 180_000 }).toBe(releases[0]);
    commits.push(repository.commit({ note: '2\n' }, patchMessage('Note two')));
    releases.push(await begin());
    // The branch has moved, so it is another; the same commit by another name is the same.
    expect(await begin('--ref', commits[1] ?? '')).toBe(releases[1]);
    repository.git('checkout', '--quiet', '-b', 'topic');
    commits.push(repository.commit({ note: '3\n' }, patchMessage('Note three')));
    const waiting = async () => (await state()).queue?.map(({ request }) => request.order.release);
    await expect.poll(waiting, { timeout: 180_000 }).toEqual([releases[1]]);
    releases.push(await begin('--ref', 'topic', '--expedite'));
    await expect.poll(waiting, { timeout: 180_000 }).toEqual([releases[2]]);
    const screen = (await patchwright.call('env', 'show', 'staging')).stdout;
    expect(screen).toMatch(/promoted .*\n.*rolls out .*\n.* waits: .*rolls out since.*\n.*paused by .*: a test/);
    expect((await patchwright.call('env', 'resume', 'staging')).status).toBe(0);
    type Listed = { id: string; outcome: { kind: string } | null };
    const kinds = async () => {
      const list = await patchwright.json<Listed[]>('releases');
      return releases.map((id) => list.find((one) => one.id === id)?.outcome?.kind);
    };
    await expect.poll(kinds, { timeout: 300_000 }).toEqual(['released', 'superseded', 'released']);
    const ended = await Promise.all(releases.map((id) => patchwright.json<Report>('report', id)));
    expect(ended.map(({ candidates }) => candidates[0]?.commit)).toEqual(commits);
    expect(releases.map((id) => repository.git('rev-parse', `refs/patchwright/${id}/1`))).toEqual(commits);
    expect(repository.git('rev-parse', 'refs/patchwright/released')).toBe(commits[2]);
    // Nobody is configured who could allow the lane: it went in the ordinary one.
    const told = ended[2]?.thread.map(({ text }) => text).join('\n');
    expect(told).toContain('take the expedited lane? nobody can decide it');
    repository.git('checkout', '--quiet', 'main');
    repository.git('reset', '--quiet', '--hard', before);
  }, 600_000);

  test('is held when a patch breaks its tests, with the patch that did', async () => {
    const commit = repository.commit(
      { 'Greeter.java': FILES['Greeter.java'].replace('"hello "', '"bye "') },
      patchMessage('Say bye'),
    );
    const ran = await patchwright.call('release', 'greeter');
    const report = await patchwright.json<Report>('report', 'latest');
    expect(ran.status, ran.stderr).toBe(1);
    expect(report.outcome?.kind).toBe('held');
    expect(report.candidates[0]?.suites[0]?.verdicts).toMatchObject([
      { kind: 'regression', unit: expect.any(String), culprit: [commit] },
    ]);
    expect(report.candidates[0]?.rollouts).toEqual([]);
    const told = report.thread.map(({ text }) => text).join('\n');
    expect(told).toContain('Greeter.java «"bye "»');
    expect(told).toContain(DIAGNOSIS.cause);
    expect(report.agent).toMatchObject({ runs: 1, turns: 2, tokens: 2_000 });
    const [explained] = await patchwright.json<{ run: string; outcome: string }[]>('agent', 'runs', report.release);
    expect(explained?.outcome).toBe('answered');
    const shown = await patchwright.call('agent', 'show', explained?.run ?? '');
    expect(shown.stdout).toContain('it calls read_file');
    expect(shown.stdout).toContain('## The patch stack');
    expect((await patchwright.call('agent', 'show', 'greeter-2/none')).status).toBe(1);
  });

  test('is held when the check of a patch no longer holds', async () => {
    repository.git('reset', '--quiet', '--hard', 'HEAD~1');
    repository.commit({ note: 'x\n' }, patchMessage('Add a note', 'Check: grep -q comma Greeter.java\n'));
    expect((await patchwright.call('release', 'greeter')).status).toBe(1);
    const report = await patchwright.json<Report>('report', 'latest');
    expect(report.outcome).toMatchObject({
      kind: 'held',
      at: 'checks',
      reasons: [expect.stringMatching(/"Add a note" is no longer effective: its check ended with exit 1/)],
    });
  });

  test('fails, as ours to mend, when what its build depends on cannot be had', async () => {
    repository.git('reset', '--quiet', '--hard', 'HEAD~1');
    const noMaven = `echo '[ERROR] Could not resolve dependencies for project a:b:jar:1: repository is unreachable' >&2; exit 1\n`;
    repository.commit({ 'build.sh': noMaven }, patchMessage('Depend on what is not there'));
    expect((await patchwright.call('release', 'greeter')).status).toBe(4);
    const report = await patchwright.json<Report>('report', 'latest');
    expect(report.outcome).toMatchObject({ kind: 'failed', at: 'build' });
    expect(report.outcome?.reasons.join()).toMatch(/depends on cannot be had: .*unreachable.*release retry/);
  });

  test('is held with the compiler’s words when it does not compile', async () => {
    repository.git('reset', '--quiet', '--hard', 'HEAD~1');
    repository.commit({ 'Greeter.java': 'public class Greeter { nonsense }\n' }, patchMessage('Break it'));
    expect((await patchwright.call('release', 'greeter')).status).toBe(1);
    const report = await patchwright.json<Report>('report', 'latest');
    expect(report.outcome).toMatchObject({ kind: 'held', at: 'build' });
    const reasons = report.outcome?.reasons.join('\n') ?? '';
    expect(reasons).toMatch(/error:/);
    const [log = 'no log'] = /artifacts\/[0-9a-f]{2}\/[0-9a-f]{64}/.exec(reasons) ?? [];
    expect(readFileSync(join(patchwright.data, log), 'utf8')).toMatch(/Greeter\.java:1: error:/);
  });
});
