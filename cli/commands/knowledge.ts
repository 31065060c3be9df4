import { createKnowledgeActivities, type KnowledgeDeps } from '../../activities/knowledge.ts';
import { allowedEnvironment, findSecret, GIT_ENVIRONMENT, readSecret } from '../../config/env.ts';
import { knownSecrets } from '../../config/known-secrets.ts';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine, plainText } from '../../lib/plain-text.ts';
import { configureRedaction } from '../../lib/redact.ts';
import { redactionKey } from '../../lib/redact-key.ts';
import { run } from '../../lib/run.ts';
import type { Db } from '../../store/database.ts';
import type { IndexedSource, KnowledgeAnswer, KnowledgeIndexed } from '../../workflows/knowledge-types.ts';

type Here = { settings: Settings; dataDir: string; db?: Db | undefined };

/** Whether the store has to be open: some sources are in it. */
export const needsStore = ({ knowledge }: Settings): boolean =>
  knowledge.sources.some(({ releases, tickets }) => releases !== undefined || tickets !== undefined);

/** Reads every source and swaps the index. Exit 2 where there is nothing to read. */
export async function rebuildIndex(here: Here): Promise<KnowledgeIndexed> {
  if (here.settings.knowledge.sources.length === 0)
    throw new ExitError(2, 'no knowledge.sources are configured: name folders, repositories or forks to read');
  return createKnowledgeActivities(depsOf(here)).rebuildKnowledge();
}

/** What people would be answered from, by what all of them may read. Whoever has the data folder may look as anybody. */
export async function searchAs(here: Here, question: string, people: readonly string[]): Promise<KnowledgeAnswer> {
  const known = Object.keys(here.settings.people);
  const nobody = people.find((person) => !known.includes(person));
  if (nobody !== undefined)
    throw new ExitError(2, `nobody is called "${nobody}" under people; there are: ${known.join(', ') || 'none'}`);
  const [asker] = people;
  const asked = { question, audience: [...people], ...(asker !== undefined && { asker }) };
  return createKnowledgeActivities(depsOf(here)).searchKnowledge(asked);
}

function depsOf({ settings, dataDir, db }: Here): KnowledgeDeps {
  const url = findSecret({ env: 'DATABASE_URL' });
  const password = url !== undefined && URL.canParse(url) ? decodeURIComponent(new URL(url).password) : '';
  configureRedaction({ secrets: [...knownSecrets(settings), password], key: redactionKey(dataDir) });
  const environment = allowedEnvironment(GIT_ENVIRONMENT);
  return { settings, dataDir, run, environment, readSecret, ...(db !== undefined && { db }) };
}

export function indexedLines({ chunks, seconds, sources, vectors }: KnowledgeIndexed): string[] {
  const found = 'off' in vectors ? `words alone: ${vectors.off}` : `vectors of ${vectors.model}, ${vectors.made} new`;
  return [`${chunks} chunks in ${seconds} s; ${found}`, ...sources.map(sourceLine)];
}

function sourceLine({ name, documents, chunks, commit, skipped, unreadable }: IndexedSource): string {
  if (unreadable !== undefined) return `  ${name}: cannot be read: ${unreadable}. ${chunks} chunks of before are kept`;
  const left = Object.entries(skipped).filter(([, count]) => count > 0);
  const note = left.length === 0 ? '' : `; left out: ${left.map(([why, count]) => `${count} ${why}`).join(', ')}`;
  const at = commit === undefined ? '' : ` at ${commit.slice(0, 12)}`;
  return `  ${name}: ${documents} documents${at}, ${chunks} chunks${note}`;
}

export function answerLines({ chunks, enough, privateFor, note }: KnowledgeAnswer): string[] {
  const found = chunks.map(
    ({ source, path, fromLine, toLine, title, text }) =>
      `${source} ${path}:${fromLine}-${toLine}  ${oneLine(title, 100)}\n    ${oneLine(plainText(text), 200)}`,
  );
  return [
    enough ? 'enough is found to answer from:' : 'not enough is found to answer from; this goes to a person',
    ...found,
    ...(privateFor > 0 ? [`${privateFor} more that only the asker may read`] : []),
    ...(note === undefined ? [] : [note]),
  ];
}
