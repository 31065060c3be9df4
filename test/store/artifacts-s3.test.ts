import { createHash } from 'node:crypto';
import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArtifactStore, Kept } from '../../store/artifacts.ts';
import { createS3ArtifactStore } from '../../store/artifacts-s3.ts';
import { startS3 } from '../servers/s3.ts';

let server: Awaited<ReturnType<typeof startS3>>;
let folder: string;
let store: ArtifactStore;

beforeAll(async () => {
  server = await startS3();
  folder = mkdtempSync(join(tmpdir(), 'pw-s3-store-'));
  store = createS3ArtifactStore(server.place(join(folder, 'incoming'), 'team/'));
});
afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex');
async function everything(): Promise<Kept[]> {
  const found: Kept[] = [];
  for await (const kept of store.list()) found.push(kept);
  return found;
}

/** The files in which the server keeps an object. */
const objectFiles = (sha256: string) => globSync(join(server.files, 'team', '**', sha256));

describe('artifacts in a bucket', () => {
  test('are named by their digest, whatever they come from, and kept once', async () => {
    writeFileSync(join(folder, 'file'), 'abc');
    const sha256 = digestOf('abc');
    for (const source of ['abc', Buffer.from('abc'), { file: join(folder, 'file') }]) {
      expect(await store.put(source)).toEqual({ sha256, bytes: 3 });
    }
    expect(await store.has(sha256)).toBe(true);
    expect(await store.has(digestOf('other'))).toBe(false);
    expect((await store.read(sha256)).toString()).toBe('abc');
    expect(objectFiles(sha256)).toHaveLength(1);
    expect(readdirSync(join(folder, 'incoming'))).toEqual([]);
  });

  test('are found by another host, whole and read-only', async () => {
    const bytes = Buffer.alloc(3 << 20, 'jar');
    const { sha256 } = await store.put(bytes);
    const elsewhere = createS3ArtifactStore(server.place(join(folder, 'elsewhere'), 'team/'));
    await elsewhere.fetch(sha256, join(folder, 'out', 'a.jar'));
    expect(readFileSync(join(folder, 'out', 'a.jar')).equals(bytes)).toBe(true);
    expect(readdirSync(join(folder, 'out'))).toEqual(['a.jar']);
  });

  test('may be put by many at once: one object, no error', async () => {
    const stored = await Promise.all(Array.from({ length: 8 }, () => store.put('at once')));
    expect(new Set(stored.map(({ sha256 }) => sha256))).toEqual(new Set([digestOf('at once')]));
    expect((await store.read(digestOf('at once'))).toString()).toBe('at once');
  });

  test('that were damaged are refused, and nothing is left behind', async () => {
    const { sha256 } = await store.put('whole');
    const [file = ''] = objectFiles(sha256);
    writeFileSync(file, 'wh0le');
    await expect(store.fetch(sha256, join(folder, 'damaged', 'jar'))).rejects.toThrow(/damaged in the store/);
    await expect(store.read(sha256)).rejects.toThrow(/damaged in the store/);
    expect(readdirSync(join(folder, 'damaged'))).toEqual([]);
  });

  test('that are not there are said to be missing', async () => {
    const missing = digestOf('never put');
    await expect(store.read(missing)).rejects.toThrow(`artifact ${missing} is not in the store`);
    await expect(store.fetch(missing, join(folder, 'none'))).rejects.toThrow(`artifact ${missing} is not in the store`);
    await expect(store.has('../../etc/passwd')).rejects.toThrow(/not a SHA-256 digest/);
  });

  test('are listed with their age, and removed once and for all', async () => {
    const { sha256 } = await store.put('to be removed');
    const before = await everything();
    expect(before.find((kept) => kept.sha256 === sha256)).toMatchObject({ bytes: 13, at: expect.any(Date) });
    await store.remove(sha256);
    await store.remove(sha256);
    expect(await store.has(sha256)).toBe(false);
    expect((await everything()).map((kept) => kept.sha256)).not.toContain(sha256);
  });

  test('a bucket that is missing is an error, not a missing artifact', async () => {
    const nowhere = createS3ArtifactStore({ ...server.place(join(folder, 'incoming')), bucket: 'no-such-bucket' });
    await expect(nowhere.read(digestOf('x'))).rejects.toThrow(/bucket/i);
  });
});
