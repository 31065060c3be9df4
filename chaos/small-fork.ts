import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Ground, SlackPlace } from './ground.ts';

type Shape = { staging: string[]; production: string[]; units: string[]; meanGapMs: number };

/**
 * A fork whose release takes half a minute: a Java program that says which commit it is, tests in shell, and
 * environments of plain processes. Everything is slow enough to be caught in the middle: builds, tests, and a
 * node's stop and start take about a second each.
 */
export function greeterFork({ meanGapMs, ...shape }: Shape): Ground {
  const repository = (folder: string) => join(folder, 'fork');
  const push = async (folder: string, n: number) => {
    const files = { 'Way.java': `class Way { static final int NUMBER = ${n}; }\n` };
    commit(repository(folder), files, patchMessage(`Greet in way ${n}`));
  };
  return {
    ...{ fork: 'greeter', system: 'process', environments: ['staging', 'production'], meanGapMs, repository, push },
    yaml: (folder, slack) => yaml(folder, slack, shape),
    async prepare(folder) {
      makeUpstream(repository(folder), FILES, 'Greeter 1.0');
      await push(folder, 1);
    },
  };
}

export const UNITS = ['north', 'east', 'south', 'west'];

export const smallFork = greeterFork({ staging: ['one'], production: ['a', 'b'], units: UNITS, meanGapMs: 4_000 });

const FILES = {
  'Way.java': 'class Way { static final int NUMBER = 0; }\n',
  'Greeter.java': `
public class Greeter {
  public static void main(String[] args) throws Exception {
    var commit = new String(Greeter.class.getResourceAsStream("/commit").readAllBytes()).trim();
    var server = com.sun.net.httpserver.HttpServer.create(new java.net.InetSocketAddress("127.0.0.1", Integer.parseInt(args[0])), 0);
    server.createContext("/", exchange -> {
      var body = commit.getBytes();
      exchange.sendResponseHeaders(200, body.length);
      exchange.getResponseBody().write(body);
      exchange.close();
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      System.out.println("greeter is stopping");
      try { Thread.sleep(1200); } catch (InterruptedException ended) { Thread.currentThread().interrupt(); }
    }));
    Thread.sleep(500);
    server.start();
    System.out.println("greeter is ready in way " + Way.NUMBER);
  }
}
`,
  'build.sh': `set -e
sleep 1.5
rm -rf out && mkdir -p out/classes
javac -d out/classes *.java
printf '%s' "$PATCHWRIGHT_COMMIT" > out/classes/commit
jar --create --date=2026-01-01T00:00:00Z --file out/greeter.jar -C out/classes .
`,
  'test.sh': `set -e
mkdir -p reports
sleep 1.5
printf '<testsuite name="%s" tests="1"><testcase classname="%s" name="greets" time="1.5"/></testsuite>' "$1" "$1" > "reports/TEST-$1.xml"
`,
};

const target = (name: string) => `
      - name: ${name}
        files: { greeter.jar: lib/greeter.jar }
        start: [java, -Xmx32m, -XX:+UseSerialGC, -XX:TieredStopAtLevel=1, -cp, lib/greeter.jar, Greeter, '{port}']
        ready: { log: greeter is ready }
        commit: { http: 'http://127.0.0.1:{port}/' }`;

const yaml = (folder: string, slack: SlackPlace, { staging, production, units }: Omit<Shape, 'meanGapMs'>) => `
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
      unit:
        runner: junit-xml
        command: [sh, test.sh, '{unit}']
        units: [${units.join(', ')}]
        reports: [reports]
        slots: 2
    release: { suites: [unit], environments: [staging, production] }
environments:
  staging:
    system: process
    rollout: { soakSeconds: 2, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${staging.map(target).join('')}
  production:
    system: process
    rollout: { soakSeconds: 2, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${production.map(target).join('')}
announcements:
  slack: { channel: ${slack.channel}, apiUrl: '${slack.url}', token: { file: ${slack.tokenFile} } }
`;

/** A repository with an upstream, and a branch for patches checked out. */
export function makeUpstream(dir: string, files: Record<string, string>, subject: string): void {
  mkdirSync(dir, { recursive: true });
  const git = gitIn(dir);
  git('init', '--quiet', '--initial-branch=upstream', '.');
  // The repository's own record of every change of a reference: what was pushed twice shows there.
  git('config', 'core.logAllRefUpdates', 'always');
  git('config', 'receive.denyCurrentBranch', 'ignore');
  commit(dir, files, subject);
  git('checkout', '--quiet', '-b', 'main');
}

export const patchMessage = (subject: string) =>
  `${subject}\n\nWhat it does.\n\nReason: chaos needs it\nUpstream-Status: Inappropriate [test]\nDrop-When: the run is over\n`;

export function commit(dir: string, files: Record<string, string>, message: string): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  const git = gitIn(dir);
  git('add', '--all');
  git('commit', '--quiet', '--message', message);
}

const gitIn =
  (dir: string) =>
  (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=Chaos', '-c', 'user.email=chaos@example.org', ...args], {
      cwd: dir,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
