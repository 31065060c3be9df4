import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { logEnds } from '../../activities/deploy/log-ends.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-logs-'));
  mkdirSync(join(dir, 'node/logs'), { recursive: true });
  writeFileSync(join(dir, 'secret'), 'nobody may read it');
});
afterAll(() => rmSync(dir, { recursive: true }));

test('beginning and end of each log; nothing through a link that the program left', () => {
  const node = join(dir, 'node');
  const lines = Array.from({ length: 40_000 }, (_, i) => `line ${i}`).join('\n');
  writeFileSync(join(node, 'logs/server.log'), lines);
  writeFileSync(join(node, 'stdout.log'), 'begun\n');
  symlinkSync(join(dir, 'secret'), join(node, 'stderr.log'));
  symlinkSync(dir, join(node, 'away'));
  const text = logEnds(node, ['logs/server.log', 'stdout.log', 'stdout.log', 'stderr.log', 'away/secret', 'none.log']);
  expect(text).toMatch(
    /^## logs\/server\.log\nline 0\n[\s\S]*… \d+ bytes left out …[\s\S]*line 39999\n## stdout\.log\nbegun\n$/,
  );
  expect(text.length).toBeLessThan(200_000);
  expect(text).not.toContain('nobody may read it');
  expect(() => logEnds(node, ['../secret'])).toThrow('not a path inside');
});
