import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { scratchFolder, until } from './scratch.ts';

const BIN = fileURLToPath(new URL('../../bin', import.meta.url));

/** A clone as git makes it: no node_modules. Its packages are none, so that npm needs no network. */
function freshClone(script: string): string {
  const clone = scratchFolder();
  cpSync(BIN, join(clone, 'bin'), { recursive: true });
  const itself = { name: 'clone', version: '1.0.0', type: 'module' };
  writeFileSync(join(clone, 'package.json'), JSON.stringify(itself));
  const lock = { name: 'clone', version: '1.0.0', lockfileVersion: 3, requires: true, packages: { '': itself } };
  writeFileSync(join(clone, 'package-lock.json'), JSON.stringify(lock));
  writeFileSync(join(clone, 'script.ts'), script);
  return clone;
}

function run(clone: string, ...args: string[]): { child: ChildProcess; said: () => string; ended: Promise<unknown> } {
  const child = spawn(process.execPath, [join(clone, 'bin/bootstrap.js'), ...args], { cwd: '/' });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  }
  const ended = new Promise((resolve) => child.once('close', (code) => resolve(code)));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, said: () => said, ended };
}

test('a fresh clone installs itself, links its own command, and ends as the script ends', async () => {
  const clone = freshClone(
    "const given: string[] = process.argv.slice(2); console.log('given', given.join('+')); process.exit(7);",
  );
  const first = run(clone, 'script.ts', 'a', '--b');
  expect(await first.ended).toBe(7);
  expect(first.said()).toMatch(/installing npm packages.*given a\+--b/s);
  expect(readFileSync(join(clone, 'node_modules/.bin/patchwright'), 'utf8')).toContain('cli/main.ts');
  const second = run(clone, 'script.ts');
  expect(await second.ended).toBe(7);
  expect(second.said()).toBe('given \n');
});

test('other packages in the lockfile, or an installation that was cut short, are installed again', async () => {
  const clone = freshClone('process.exit(0)');
  await run(clone, 'script.ts').ended;
  const lock = join(clone, 'package-lock.json');
  writeFileSync(lock, `${readFileSync(lock, 'utf8')}\n`);
  const later = new Date(Date.now() + 60_000);
  utimesSync(lock, later, later);
  const changed = run(clone, 'script.ts');
  await changed.ended;
  expect(changed.said()).toContain('packages installed');
  rmSync(join(clone, 'node_modules'), { recursive: true });
  // A process that was killed while it installed.
  writeFileSync(join(clone, '.npm-ci.lock'), '4194305');
  const again = run(clone, 'script.ts');
  expect(await again.ended).toBe(0);
  expect(again.said()).toContain('packages installed');
  expect(existsSync(join(clone, '.npm-ci.lock'))).toBe(false);
});

test('two first starts at once install once', async () => {
  const clone = freshClone('process.exit(0)');
  const runs = [run(clone, 'script.ts'), run(clone, 'script.ts')];
  expect(await Promise.all(runs.map(({ ended }) => ended))).toEqual([0, 0]);
  const installed = runs.filter(({ said }) => said().includes('packages installed'));
  expect(installed).toHaveLength(1);
});

test('signals are passed on, and an end by a signal is told as a shell tells it', async () => {
  const clone = freshClone(
    `process.on('SIGTERM', () => process.exit(5)); setInterval(() => {}, 1000); console.log('ready');`,
  );
  const polite = run(clone, 'script.ts');
  await until(() => polite.said().includes('ready'));
  polite.child.kill('SIGTERM');
  expect(await polite.ended).toBe(5);
  writeFileSync(join(clone, 'killed.ts'), "process.kill(process.pid, 'SIGKILL');");
  expect(await run(clone, 'killed.ts').ended).toBe(137);
});

test('a script that is not there is wrong usage', async () => {
  const clone = freshClone('');
  expect(await run(clone, 'nowhere.ts').ended).toBe(2);
  expect(await run(clone).ended).toBe(2);
});
