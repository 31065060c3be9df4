import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createKnowledgeActivities, type KnowledgeDeps } from '../../activities/knowledge.ts';
import { settingsSchema } from '../../config/schema.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';
import { type Meanings, startEmbeddings } from '../servers/embeddings.ts';
import { LABELLED, runbookOf } from './labelled.ts';

/** Stand in texts that not everybody may read; what is found in an answer to others has leaked. */
export const CANARY = { platform: 'canary-platform-7341', ada: 'canary-ada-9052' };
export const KEY = 'embeddings-key-0123456789';

const FORK = {
  ...{ repository: 'nowhere', base: 'upstream', release: { suites: ['fast'] } },
  build: { command: ['make'], artifacts: [{ name: 'a.jar', path: 'a.jar' }] },
  suites: { fast: { runner: 'junit-xml', command: ['make', 'test'], reports: ['out'] } },
};
const PEOPLE = { ada: { name: 'Ada' }, bob: { name: 'Bob' }, cy: { name: 'Cy' } };

/** Real folders, git and LanceDB; the embeddings are played over HTTP. */
export async function openKnowledgeWorld(meanings: Meanings = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'pw-knowledge-'));
  const model = await startEmbeddings({ meanings });
  process.env.KNOWLEDGE_TEST_KEY = KEY;
  const write = (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
  };
  write(Object.fromEntries(LABELLED.map((one) => [`shared/${one.name}.md`, runbookOf(one)])));
  write({
    'platform/osprey.md': `# Failover of the Osprey cluster\n\nThe Osprey cluster fails over to Heron by the runner; call ${CANARY.platform} first.\n`,
    'ada/notes.md': `# Notes about the Osprey failover\n\nAda rehearsed the Osprey failover in May; the word was ${CANARY.ada}.\n`,
  });
  const repository = makeRepository(join(dir, 'repo'));
  repository.commit(
    {
      'src/Elector.java': '/** Elects a leader among the voters. */\npublic class LeaderElector {\n}\n',
      'README.md': '# Fork',
    },
    'one',
  );

  const source = (name: string, more: object) => ({ name, readers: 'everyone', ...more });
  const SOURCES = [
    source('runbooks', { folder: join(dir, 'shared'), kind: 'runbook' }),
    source('platform', { folder: join(dir, 'platform'), readers: ['platform'] }),
    source('ada', { folder: join(dir, 'ada'), readers: ['ada'] }),
    source('code', { repository: join(dir, 'repo'), ref: 'upstream', kind: 'code' }),
  ];
  const price = { inputPerMillion: 0, outputPerMillion: 0 };
  const api = {
    name: 'scripted',
    key: { env: 'KNOWLEDGE_TEST_KEY' },
    baseUrl: model.url,
    price,
    embeddings: 'scripted',
  };

  return {
    dir,
    model,
    repository,
    write,
    SOURCES,
    /** As a worker that starts now, with these settings. */
    open(
      change: { sources?: object[]; vectors?: boolean; groups?: object; data?: string; index?: object } = {},
      more: Partial<KnowledgeDeps> = {},
    ) {
      const settings = settingsSchema.parse({
        ...{ forks: { kafka: FORK }, people: PEOPLE, groups: change.groups ?? { platform: ['ada', 'bob'] } },
        ...(change.vectors && { model: api }),
        knowledge: { sources: change.sources ?? SOURCES, ...(change.index && { index: change.index }) },
      });
      const environment = { PATH: process.env.PATH ?? '', HOME: dir };
      const readSecret = () => 'none';
      const dataDir = join(dir, change.data ?? 'data');
      return createKnowledgeActivities({ settings, dataDir, run, environment, readSecret, ...more });
    },
    async stop() {
      await model.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type KnowledgeWorld = Awaited<ReturnType<typeof openKnowledgeWorld>>;
