import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../lib/run.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-knowledge-cli-'));
  mkdirSync(join(dir, 'open'));
  mkdirSync(join(dir, 'team'));
  writeFileSync(join(dir, 'open/owls.md'), '# Owls\n\nOwls hunt at night; the password is password=hunter2hunter2.\n');
  writeFileSync(join(dir, 'team/storks.md'), '# Storks\n\nStorks winter in Africa with canary-team-5561.\n');
  writeFileSync(
    join(dir, 'patchwright.yaml'),
    `forks: {}
people: { ada: { name: Ada }, bob: { name: Bob } }
groups: { team: [ada] }
knowledge:
  sources:
    - { name: open, folder: open, readers: everyone }
    - { name: team, folder: team, readers: [team] }
`,
  );
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const patchwright = (...args: string[]) =>
  run(process.execPath, [MAIN, ...args, '--data', join(dir, 'data')], {
    cwd: dir,
    env: { PATH: process.env.PATH ?? '', HOME: dir },
  });

test('knowledge is indexed and searched on the command line, as whoever may read it', async () => {
  expect(await patchwright('knowledge', 'search', 'owls')).toMatchObject({
    exitCode: 1,
    stdout: expect.stringContaining('knowledge rebuild'),
  });
  const rebuilt = await patchwright('knowledge', 'rebuild');
  expect(rebuilt).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('open: 1 documents, 1 chunks') });

  const owls = await patchwright('knowledge', 'search', 'when', 'do', 'owls', 'hunt?');
  expect(owls).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('open owls.md:1-3') });
  expect(owls.stdout).not.toContain('hunter2hunter2');

  const storks = ['knowledge', 'search', 'where do storks winter?', '--json', '--as'];
  const both = await patchwright(...storks, 'ada', 'bob');
  expect(both.stdout).not.toContain('canary-team-5561');
  expect({ ...both, stdout: JSON.parse(both.stdout) }).toMatchObject({
    exitCode: 1,
    stdout: { enough: false, privateFor: 1 },
  });
  const ada = await patchwright(...storks, 'ada');
  expect(ada).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('canary-team-5561') });
  expect(await patchwright(...storks, 'eve')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('nobody is called "eve"'),
  });

  rmSync(join(dir, 'open'), { recursive: true });
  const without = await patchwright('knowledge', 'rebuild');
  expect(without).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/open: cannot be read: .*1 chunks of before are kept/),
  });
});

test('killed while it writes, it leaves the index that was there, and the next one is made', async () => {
  mkdirSync(join(dir, 'open'), { recursive: true });
  writeFileSync(join(dir, 'open/owls.md'), '# Owls\n\nOwls hunt at night.\n');
  expect(await patchwright('knowledge', 'rebuild')).toMatchObject({ exitCode: 0 });
  for (let n = 0; n < 1_500; n += 1)
    writeFileSync(join(dir, `open/${n}.md`), `# Moth ${n}\n\nMoths are number ${n}.\n`);
  const tables = () => readdirSync(join(dir, 'data/knowledge')).filter((name) => name.startsWith('chunks_')).length;
  for (let kill = 0; kill < 2; kill += 1) {
    const before = tables();
    const child = spawn(process.execPath, [MAIN, 'knowledge', 'rebuild', '--data', join(dir, 'data')], {
      cwd: dir,
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    while (child.exitCode === null && tables() === before) await sleep(2);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(join(dir, 'data/knowledge/current.lance'))).toBe(true);
    expect(await patchwright('knowledge', 'search', 'when do owls hunt?')).toMatchObject({ exitCode: 0 });
  }
  expect(await patchwright('knowledge', 'rebuild')).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining('1501 documents'),
  });
  expect(await patchwright('knowledge', 'search', 'which number has moth 1499?')).toMatchObject({
    stdout: expect.stringContaining('1499.md'),
  });
});
