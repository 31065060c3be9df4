import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startServices } from '../../services/start-services.ts';
import { openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import { closeRelease, keepSettings, openRelease } from '../../store/releases.ts';
import { appendMessage } from '../../store/thread.ts';
import { S3_BUCKET, S3_KEYS, startS3 } from '../servers/s3.ts';
import { LABELLED, UNANSWERED } from './labelled.ts';
import { KEY, type KnowledgeWorld, openKnowledgeWorld } from './world.ts';

let world: KnowledgeWorld;
beforeAll(async () => {
  world = await openKnowledgeWorld({ nap: 'fetch', snooz: 'replica' });
});
afterAll(() => world?.stop());

const ALL = ['cy'];

describe('by words alone', () => {
  test('the labelled questions find what answers them, and the others are not answered', async () => {
    const knowledge = world.open();
    const indexed = await knowledge.rebuildKnowledge();
    expect(indexed.vectors).toEqual({ off: 'no model.embeddings is configured' });
    expect(indexed.sources.map(({ name, documents }) => [name, documents])).toEqual([
      ['runbooks', LABELLED.length],
      ['platform', 1],
      ['ada', 1],
      ['code', 1],
    ]);
    const counts = { near: 0, far: 0, nearEnough: 0, farEnough: 0 };
    for (const one of LABELLED) {
      for (const key of ['near', 'far'] as const) {
        const answer = await knowledge.searchKnowledge({ question: one[key], audience: ALL });
        const isFound = answer.chunks.some(({ path }) => path === `${one.name}.md`);
        if (isFound) counts[key] += 1;
        if (isFound && answer.enough) counts[`${key}Enough`] += 1;
      }
    }
    const wrong: string[] = [];
    for (const question of UNANSWERED)
      if ((await knowledge.searchKnowledge({ question, audience: ALL })).enough) wrong.push(question);
    const all = LABELLED.length;
    expect(wrong).toEqual([]);
    expect(counts.near / all).toBeGreaterThanOrEqual(0.95);
    expect(counts.far / all).toBeGreaterThanOrEqual(0.95);
    expect(counts.nearEnough / all).toBeGreaterThanOrEqual(0.95);
    expect(counts.farEnough / all).toBeGreaterThanOrEqual(0.85);
  });

  test('a name of code is found by its parts, with its commit and lines', async () => {
    const knowledge = world.open();
    const answer = await knowledge.searchKnowledge({
      question: 'where is the leader elector among voters?',
      audience: ALL,
    });
    expect(answer.chunks[0]).toMatchObject({
      ...{ source: 'code', kind: 'code', path: 'src/Elector.java', fromLine: 1, toLine: 2, readers: ['everyone'] },
      commit: world.repository.git('rev-parse', 'HEAD'),
    });
    expect(answer.enough).toBe(true);
  });

  test('a citation is there, says it, and no longer does once the document changed', async () => {
    const knowledge = world.open();
    const { chunks } = await knowledge.searchKnowledge({ question: LABELLED[0]?.near ?? '', audience: ALL });
    const citation = {
      chunkId: chunks[0]?.id ?? '',
      quote: 'Raise num.replica.fetchers to 4 and watch the lag shrink',
    };
    expect(await knowledge.checkCitation(citation)).toBe(true);
    expect(await knowledge.checkCitation({ ...citation, quote: 'Raise num.replica.fetchers to 9' })).toBe(false);
    expect(await knowledge.checkCitation({ ...citation, chunkId: 'f'.repeat(32) })).toBe(false);
    expect(await knowledge.checkCitation({ ...citation, chunkId: "' OR true --" })).toBe(false);
    world.write({
      'shared/under-replicated.md': '# Partitions stay under-replicated\n\nRaise num.replica.fetchers to 8.\n',
    });
    await knowledge.rebuildKnowledge();
    expect(await knowledge.checkCitation(citation)).toBe(false);
  });
});

describe('with vectors', () => {
  test('what shares no word is found; what was embedded is not paid again; no secret leaves', async () => {
    world.write({ 'shared/keys.md': '# Keys\n\nThe old key AKIAQWERTYUIOPASDFGH was revoked.\n' });
    const knowledge = world.open({ vectors: true, data: 'vectors' });
    const first = await knowledge.rebuildKnowledge();
    expect(first.vectors).toMatchObject({ model: 'scripted', dimensions: 64, made: first.chunks });
    const again = await knowledge.rebuildKnowledge();
    expect(again.vectors).toMatchObject({ made: 0 });
    for (const question of UNANSWERED)
      expect({ question, ...(await knowledge.searchKnowledge({ question, audience: ALL })) }).toMatchObject({
        question,
        enough: false,
      });
    const answer = await knowledge.searchKnowledge({
      question: `snoozing naps ${KEY.slice(0, 3)}`,
      audience: ALL,
      limit: 3,
    });
    expect(answer.chunks.map(({ path }) => path)).toContain('under-replicated.md');
    await knowledge.searchKnowledge({ question: 'is AKIAQWERTYUIOPASDFGH still valid?', audience: ALL });
    expect(world.model.texts.join('\n')).not.toContain('AKIAQWERTYUIOPASDFGH');
  });

  test('a server that fails leaves words: nobody waits, and it is said', async () => {
    const knowledge = world.open({ vectors: true, data: 'vectors' });
    world.model.failWith({ status: 503 });
    const answer = await knowledge.searchKnowledge({ question: LABELLED[1]?.near ?? '', audience: ALL });
    expect(answer).toMatchObject({
      enough: true,
      note: expect.stringMatching(/^found by words alone: the model of the emb/),
    });
    world.model.failWith(undefined);
  });

  test('a key that is refused indexes without vectors; a server that is away leaves the old index', async () => {
    const knowledge = world.open({ vectors: true, data: 'refused' });
    world.model.failWith({ status: 401 });
    const indexed = await knowledge.rebuildKnowledge();
    expect(indexed.vectors).toEqual({ off: expect.stringMatching(/401.*model\.key/) });
    world.model.failWith({ status: 503 });
    await expect(knowledge.rebuildKnowledge()).rejects.toThrow(/503/);
    world.model.failWith(undefined);
    expect(await knowledge.searchKnowledge({ question: LABELLED[1]?.near ?? '', audience: ALL })).toMatchObject({
      enough: true,
    });
    const tables = readdirSync(join(world.dir, 'refused/knowledge')).filter((name) => name.startsWith('chunks_'));
    expect(tables).toHaveLength(1);
  }, 60_000);
});

describe('the index', () => {
  test('is missing before it is made: said, and nothing is found', async () => {
    const none = { chunks: [], enough: false, privateFor: 0 };
    const asked = { question: 'anything', audience: ALL };
    expect(await world.open({ data: 'none' }).searchKnowledge(asked)).toEqual({
      ...none,
      note: expect.stringContaining('knowledge rebuild'),
    });
    expect(await world.open({ sources: [], data: 'none' }).searchKnowledge(asked)).toMatchObject(none);
  });

  test('of nothing finds nothing', async () => {
    const sources = [{ name: 'empty', folder: join(world.dir, 'repo/src'), readers: 'everyone' }];
    const knowledge = world.open({ sources, data: 'empty' });
    expect((await knowledge.rebuildKnowledge()).chunks).toBe(0);
    expect(await knowledge.searchKnowledge({ question: 'anything', audience: ALL })).toEqual({
      chunks: [],
      enough: false,
      privateFor: 0,
    });
  });

  test('keeps what it had of a source that cannot be read now, and says so without a path', async () => {
    world.write({ 'away/a.md': '# Storks\n\nStorks winter in Africa.\n' });
    const sources = [...world.SOURCES, { name: 'away', folder: join(world.dir, 'away'), readers: 'everyone' }];
    const knowledge = world.open({ sources, data: 'away-data' });
    await knowledge.rebuildKnowledge();
    rmSync(join(world.dir, 'away'), { recursive: true });
    const { sources: told } = await knowledge.rebuildKnowledge();
    expect(told.at(-1)).toMatchObject({ name: 'away', chunks: 1, unreadable: expect.stringMatching(/is not there/) });
    expect(JSON.stringify(told)).not.toContain(world.dir);
    const answer = await knowledge.searchKnowledge({ question: 'Where do storks winter?', audience: ALL });
    expect(answer.enough).toBe(true);
  });

  test('is swapped whole while others search, and refreshed only when it is old or of other sources', async () => {
    const knowledge = world.open({ data: 'swapped' });
    await knowledge.rebuildKnowledge();
    let isOver = false;
    const searching = (async () => {
      let found = 0;
      for (let n = 0; !isOver; n += 1) {
        const answer = await knowledge.searchKnowledge({ question: LABELLED[2]?.near ?? '', audience: ALL });
        expect(answer.enough).toBe(true);
        found = n;
      }
      return found;
    })();
    for (let n = 0; n < 3; n += 1) await knowledge.rebuildKnowledge();
    isOver = true;
    expect(await searching).toBeGreaterThan(0);
    expect(await knowledge.refreshKnowledge()).toBeUndefined();
    const others = world.open({ data: 'swapped', sources: world.SOURCES.slice(0, 1) });
    expect(await others.refreshKnowledge()).toMatchObject({ sources: [{ name: 'runbooks' }] });
  });

  test('may lie in a bucket that several hosts share', async () => {
    const s3 = await startS3();
    try {
      const keys = { accessKeyId: { env: 'S3_ID' }, secretAccessKey: { env: 'S3_KEY' } };
      const index = { s3: { bucket: S3_BUCKET, endpoint: s3.endpoint, prefix: 'team/', ...keys } };
      const readSecret = (_: unknown, what: string) =>
        what.endsWith('accessKeyId') ? S3_KEYS.accessKeyId : S3_KEYS.secretAccessKey;
      await world.open({ index, data: 'host-a' }, { readSecret }).rebuildKnowledge();
      const elsewhere = world.open({ index, data: 'host-b' }, { readSecret });
      const answer = await elsewhere.searchKnowledge({ question: LABELLED[3]?.near ?? '', audience: ALL });
      expect(answer).toMatchObject({
        enough: true,
        chunks: expect.arrayContaining([expect.objectContaining({ path: 'consumer-lag.md' })]),
      });
    } finally {
      await s3.stop();
    }
  });

  test('holds the releases of a fork that have ended', async () => {
    const services = await startServices({ dataDir: join(world.dir, 'services'), fsync: false });
    await migrate(services.databaseUrl);
    const db = openDatabase(services.databaseUrl);
    try {
      const settings = await keepSettings(db, {});
      const id = await openRelease(db, {
        fork: 'kafka',
        ref: 'main',
        requestedBy: 'ada',
        suites: [],
        environments: [],
        settings,
      });
      await appendMessage(db, {
        release: id,
        key: 'one',
        text: 'The gate of production saw fetch latency double on node 3.',
      });
      await closeRelease(db, id, { kind: 'rolled-back', at: 'production', reasons: ['fetch latency doubled'] });
      const sources = [{ name: 'past', releases: 'kafka', readers: 'everyone' }];
      const knowledge = world.open({ sources, data: 'releases' }, { db });
      await knowledge.rebuildKnowledge();
      const answer = await knowledge.searchKnowledge({
        question: 'Which release was rolled back in production since fetch latency doubled?',
        audience: ALL,
      });
      expect(answer.chunks[0]).toMatchObject({ source: 'past', kind: 'report', path: `releases/${id}` });
      expect(answer.enough).toBe(true);
    } finally {
      await db.destroy();
      await services.stop();
    }
  });
});
