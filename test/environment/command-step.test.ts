import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';
import { factsByCommand, readBackByCommand, runStep } from '../../activities/deploy/command-step.ts';
import { commandsSchema } from '../../config/command-driver.ts';
import { redact } from '../../lib/redact.ts';

const dir = mkdtempSync(join(tmpdir(), 'command-step-'));
const env = { PATH: '/usr/bin:/bin' };
const context = { values: { target: 'east', host: 'a b;$(id)' }, cwd: dir, env, redact };
const sh = (script: string, ...args: string[]) => ({ run: ['sh', '-c', script, 'sh', ...args], timeoutSeconds: 20 });

afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('a placeholder that does not exist is refused when the configuration is read', () => {
  const fine = { run: ['true', '{target}'] };
  const all = { stop: fine, install: { run: ['cp', '{file}'] }, start: fine, readBack: fine, facts: fine };
  expect(commandsSchema.parse(all).stop.timeoutSeconds).toBe(120);
  const wrong = commandsSchema.safeParse({ ...all, stop: { run: ['kill', '{artifact}'] } });
  expect(wrong.error?.issues[0]).toMatchObject({ path: ['stop', 'run', 1] });
  expect(wrong.error?.issues[0]?.message).toMatch(/no placeholder \{artifact\} here; there are \{target\}, \{host\}/);
  expect(commandsSchema.safeParse({ ...all, start: { run: ['{host}'] } }).success).toBe(false);
});

test('arguments reach the command as they are: no shell reads them', async () => {
  expect(await runStep('stop', sh('printf "%s|%s" "$1" "$2"', '{host}', '{target}'), context)).toBe('a b;$(id)|east');
});

test('a failure names target, step, exit code and the last line, without its secrets', async () => {
  const failing = runStep('install', sh('echo first; echo "password=hunter2hunter2 refused" >&2; exit 7'), context);
  const error = await failing.then(
    () => '',
    (thrown: Error) => thrown.message,
  );
  expect(error).toMatch(/^east: the install command exited with 7; last line: .*refused/);
  expect(error).not.toContain('hunter2hunter2');
  await expect(runStep('stop', { run: ['no-such-program'], timeoutSeconds: 5 }, context)).rejects.toThrow(
    /east: the stop command cannot be run/,
  );
});

test('at its time limit everything that the command started ends with it', async () => {
  const slow = sh('(sleep 1.5; echo late > late) & echo waiting; wait');
  await expect(runStep('start', { ...slow, timeoutSeconds: 0.5 }, context)).rejects.toThrow(
    /east: the start command ran out of its 0.5 s; last line: waiting/,
  );
  await sleep(1_500);
  expect(existsSync(join(dir, 'late'))).toBe(false);
});

test('what readBack and facts print is checked', async () => {
  const sha256 = 'a'.repeat(64);
  const good = JSON.stringify({ artifacts: [{ name: 'app', sha256 }], commit: 'c0ffee' });
  expect(await readBackByCommand(sh('printf "%s" "$1"', good), context)).toEqual(JSON.parse(good));
  await expect(readBackByCommand(sh('echo hello'), context)).rejects.toThrow(/printed no JSON; last line: hello/);
  const short = good.replace(sha256, 'abc');
  await expect(readBackByCommand(sh('printf "%s" "$1"', short), context)).rejects.toThrow(/artifacts\.0\.sha256/);
  expect(await factsByCommand(sh('printf "%s" "$1"', '{"running":false}'), context)).toEqual({ running: false });
});
