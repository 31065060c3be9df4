import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createArtifactStore } from '../../store/artifacts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'patchwright-artifacts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the artifact store', () => {
  test('names bytes by their digest, whatever they come from, and keeps them once', async () => {
    const store = createArtifactStore(join(folder, 'store'));
    writeFileSync(join(folder, 'file'), 'abc');
    const sha256 = createHash('sha256').update('abc').digest('hex');
    for (const source of ['abc', Buffer.from('abc'), { file: join(folder, 'file') }]) {
      expect(await store.put(source)).toEqual({ sha256, bytes: 3 });
    }
    expect((await store.read(sha256)).toString()).toBe('abc');
    expect(readdirSync(join(folder, 'store', 'incoming'))).toEqual([]);
  });

  test('hands out copies: who edits one does not edit the store', async () => {
    const store = createArtifactStore(join(folder, 'store'));
    const { sha256 } = await store.put('abc');
    await store.fetch(sha256, join(folder, 'out'));
    chmodSync(join(folder, 'out'), 0o644);
    appendFileSync(join(folder, 'out'), 'x');
    expect((await store.read(sha256)).toString()).toBe('abc');
  });

  test('refuses to hand out what was damaged, and leaves nothing behind', async () => {
    const store = createArtifactStore(join(folder, 'store'));
    const { sha256 } = await store.put('abc');
    chmodSync(store.path(sha256), 0o644);
    writeFileSync(store.path(sha256), 'abd');
    await expect(store.fetch(sha256, join(folder, 'out', 'jar'))).rejects.toThrow(/damaged in the store/);
    expect(readdirSync(join(folder, 'out'))).toEqual([]);
  });

  test('does not take a path for a digest', () => {
    const store = createArtifactStore(join(folder, 'store'));
    expect(() => store.path('../../etc/passwd')).toThrow(/not a SHA-256 digest/);
  });

  test('on a full disk says which, and leaves nothing half written', () => {
    const script = `
      import { createArtifactStore } from '${fileURLToPath(new URL('../../store/artifacts.ts', import.meta.url))}';
      import { readdirSync } from 'node:fs';
      const store = createArtifactStore('${folder}/small');
      const small = await store.put('fits');
      const problem = await store.put(Buffer.alloc(8 << 20)).then(() => 'none', (error) => error.message);
      console.log(JSON.stringify({ problem, left: readdirSync('${folder}/small/incoming'), kept: await store.has(small.sha256) }));`;
    writeFileSync(join(folder, 'full.ts'), script);
    const mount = 'mkdir "$1/small" && mount -t tmpfs -o size=1m none "$1/small" && exec "$2" "$1/full.ts"';
    // A mount of our own, seen by nobody else and gone with the process.
    const namespace = ['--user', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh', folder, process.execPath];
    const { stdout, stderr } = spawnSync('unshare', namespace, { encoding: 'utf8' });
    expect(stdout, stderr).not.toBe('');
    const { problem, left, kept } = JSON.parse(stdout);
    expect(problem).toMatch(/the disk of .*small is full: free some space/);
    expect({ left, kept }).toEqual({ left: [], kept: true });
    expect(readFileSync(join(folder, 'full.ts'), 'utf8')).toBe(script);
  });
});
