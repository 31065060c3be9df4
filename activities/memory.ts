import { codeName, codeOf } from '../config/code.ts';
import type { Settings } from '../config/schema.ts';
import { respondersOf } from '../config/support.ts';
import { targetWords } from '../decisions/fix.ts';
import { readableBy } from '../decisions/knowledge.ts';
import { confirmWords, memoriesAbout, memoriesOf, whomToAsk } from '../decisions/memory.ts';
import { mentionsOf } from '../decisions/page-mentions.ts';
import { type RepositoryRead, shutTo } from '../decisions/ticket-access.ts';
import type { Git } from '../git/clone.ts';
import { logger } from '../lib/log.ts';
import { withinTime } from '../lib/time-limit.ts';
import { approvalsOf } from '../store/approvals.ts';
import type { Db } from '../store/database.ts';
import { fixesRead } from '../store/fix-read.ts';
import {
  confirmedMemories,
  isFile,
  keepMemory,
  keepRecall,
  type MemoryRow,
  type RestsOn,
  type RestsOnFile,
  type RestsOnValue,
} from '../store/memory.ts';
import { appendMessage } from '../store/thread.ts';
import { findTicket } from '../store/tickets.ts';
import type { ConfigChange, FixChange, FixOrder, FixPlan } from '../workflows/fix-types.ts';
import type { Digest } from '../workflows/types.ts';
import { permanent } from './failures.ts';
import { createSlack, type SlackConnection } from './slack.ts';
import { createTicketPeople } from './ticket/people.ts';

export type MemoryDeps = {
  db: Db;
  settings: (digest: Digest) => Promise<Settings>;
  /** Works in our clone of a fork or repository (config/code.ts), brought up to date. */
  within: <T>(settings: Settings, name: string, work: (git: Git) => Promise<T>) => Promise<T>;
  /** What a topic or broker has of its own now: null where it has none, undefined where there is no such thing. */
  ownValueOf: (settings: Settings, of: Omit<RestsOnValue, 'value'>) => Promise<string | null | undefined>;
  slack?: SlackConnection;
  /** Carries a thread to Slack. */
  wakeThread?: (thread: string) => Promise<void>;
};

export type Remembering = { order: FixOrder; approval: string; plan: FixPlan; change: FixChange };

/** What verified fixes have taught. Written unconfirmed, recalled once a person has confirmed it (docs/memory.md). */
export function createMemoryActivities(deps: MemoryDeps) {
  const { db } = deps;
  const people = createTicketPeople(db, deps.slack && createSlack(deps.slack));

  return {
    /** Keeps what was asked, the cause, what helped, and all that it came from. Safe to repeat: a fix is kept once. */
    async rememberFix({ order, approval, plan, change }: Remembering): Promise<{ memory: string }> {
      const [stored] = await approvalsOf(db, { id: approval });
      const row = await findTicket(db, order.ticket);
      if (stored?.outcome?.kind !== 'approved' || row === undefined)
        throw permanent('NotApproved', `${approval} was not approved: nothing is remembered of it`);
      const settings = await deps.settings(order.settings);
      const read = (await fixesRead(db, [order.fix])).get(order.fix) ?? [];
      const memory = await keepMemory(db, {
        ...{ ticket: order.ticket, fix: approval, digest: stored.open.digest },
        ...{ asked: row.text, cause: plan.why, change: `${plan.what} (${targetWords(change)})` },
        restsOn: await restsOn(deps, settings, { plan, change }),
        readers: readersOf(settings, await people.audienceOf(order, row.asker, settings), read),
      });
      await askToConfirm(deps, settings, { order, memory, read, approvedBy: stored.outcome.by });
      return { memory };
    },
  };
}

export type MemoryActivities = ReturnType<typeof createMemoryActivities>;

type Learnt = { order: FixOrder; memory: string; read: readonly RepositoryRead[]; approvedBy: readonly string[] };

/**
 * Calls whoever approved the fix and may confirm what it taught, else those who answer tickets and may read it: until one
 * of them does, no answer is given it. Once, in the thread.
 */
async function askToConfirm(
  { db, slack, wakeThread }: MemoryDeps,
  settings: Settings,
  { order, memory, read, approvedBy }: Learnt,
): Promise<void> {
  const { ticket, place } = order;
  const persons = whomToAsk(readersOf(settings, respondersOf(settings), read), approvedBy);
  const mentions = place === undefined ? [] : mentionsOf(persons, { people: settings.people, groups: {} });
  const text = confirmWords(memory, persons);
  await appendMessage(db, { release: ticket, key: `memory/${memory}/asked`, text, mentions });
  if (place !== undefined && slack) await wakeThread?.(ticket);
}

/**
 * Whoever reads along in the ticket's thread now, as persons, and may read all that agents have read for the fix: the
 * cause is in their words. A confirmation may say otherwise.
 */
function readersOf(
  { people, groups, support }: Settings,
  audience: readonly string[],
  read: readonly RepositoryRead[],
) {
  const rules = { people, groups, repositories: support.repositories };
  return audience.filter((one) => one in people && shutTo(read, one, rules).length === 0);
}

/** The files that were changed, and those that the plan quoted, as they are now that the fix is applied. */
async function restsOn(
  deps: MemoryDeps,
  settings: Settings,
  { plan, change }: Pick<Remembering, 'plan' | 'change'>,
): Promise<RestsOn[]> {
  const files = new Map((plan.rests ?? []).map((file) => [`${file.place}:${file.path}`, file]));
  if ('commit' in change) {
    const place = change.kind === 'repository' ? codeName(change.target) : change.target;
    const changed = await deps.within(settings, place, (git) =>
      git('diff', '--name-only', '-z', '--no-renames', change.base, change.commit),
    );
    for (const path of changed.split('\0').filter((one) => one !== '')) files.set(`${place}:${path}`, { place, path });
  }
  const now: RestsOn[] = change.kind === 'kafka-config' ? [valueSet(change)] : [];
  for (const { place, path } of files.values())
    now.push({ place, path, blob: await blobOf(deps, settings, { place, path }) });
  return now;
}

const valueSet = ({ target, resource, key, value }: ConfigChange): RestsOnValue => ({
  ...{ environment: target, resource, key, value },
});

/** The file's content on its branch now, by git's own name of it. Undefined where its place is not configured any more. */
async function blobOf(
  deps: Pick<MemoryDeps, 'within'>,
  settings: Settings,
  { place, path }: Pick<RestsOnFile, 'place' | 'path'>,
): Promise<string | null> {
  const code = codeOf(settings, place);
  if (code === undefined) return null;
  return deps.within(settings, place, async (git) => {
    const tip = await git.resolve(code.branch, 'branch');
    const { exitCode, stdout } = await git.tryGit([
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `${tip}:${path}`,
    ]);
    return exitCode === 0 ? stdout.trim() : null;
  });
}

export type RecallOrder = { question: string; audience: string[]; ticket: string; settings: Settings };
export type Recall = (order: RecallOrder) => Promise<MemoryRow[]>;

/**
 * What was confirmed, speaks of a question, may be read by all of the audience under the settings of now, and rests on
 * files and values that are still what they were. Each is kept as a recall of this ticket before it is given to anybody.
 */
export function createRecall(deps: Pick<MemoryDeps, 'db' | 'within' | 'ownValueOf'>): Recall {
  return async ({ question, audience, ticket, settings }) => {
    const readable = (await confirmedMemories(deps.db)).filter(
      (memory) => memory.ticket !== ticket && mayRead(settings, memory, audience),
    );
    const recalled: MemoryRow[] = [];
    for (const memory of memoriesOf(question, readable)) {
      if (!(await stillHolds(deps, settings, memory))) continue;
      await keepRecall(deps.db, { memory: memory.id, ticket });
      recalled.push(memory);
    }
    return recalled;
  };
}

/** `of`: the release or ticket whose agent is given them. `audience`: nobody where only what everyone may read is wanted. */
export type AboutCode = {
  places: string[];
  paths?: string[];
  question?: string;
  audience: string[];
  of: string;
  settings: Settings;
};
export type RecallAboutCode = (order: AboutCode) => Promise<MemoryRow[]>;

/** The same for an agent, of the code that it works on. */
export function createRecallAboutCode(deps: Pick<MemoryDeps, 'db' | 'within' | 'ownValueOf'>): RecallAboutCode {
  return async ({ audience, of, settings, ...about }) => {
    const readable = (await confirmedMemories(deps.db)).filter(
      (memory) => memory.ticket !== of && mayRead(settings, memory, audience),
    );
    const recalled: MemoryRow[] = [];
    for (const memory of memoriesAbout(about, readable)) {
      if (!(await stillHolds(deps, settings, memory))) continue;
      await keepRecall(deps.db, { memory: memory.id, ticket: of });
      recalled.push(memory);
    }
    return recalled;
  };
}

/** By its own readers, and by those of every repository that it rests on, as they are configured now. */
export function mayRead(settings: Settings, { readers, rests_on }: MemoryRow, audience: readonly string[]): boolean {
  const places = [...new Set(rests_on.filter(isFile).map(({ place }) => place))];
  // A place that is gone has no readers that could be asked.
  if (places.some((place) => codeOf(settings, place) === undefined)) return false;
  const ofPlaces = Object.entries(settings.support.repositories).flatMap(([name, repository]) =>
    places.includes(codeName(name)) && repository.readers !== undefined ? [repository.readers] : [],
  );
  const all = [readers.includes('everyone') ? ('everyone' as const) : readers, ...ofPlaces];
  const sources = all.map((who) => ({ readers: who }));
  return readableBy(sources, settings.groups, audience).length === sources.length;
}

async function stillHolds(
  deps: Pick<MemoryDeps, 'within' | 'ownValueOf'>,
  settings: Settings,
  { id, rests_on }: MemoryRow,
): Promise<boolean> {
  for (const rest of rests_on) {
    const holds = isFile(rest) ? await fileHolds(deps, settings, id, rest) : await valueHolds(deps, settings, id, rest);
    if (!holds) return false;
  }
  return true;
}

/** A cluster or a repository that does not answer in this time leaves what rests on it out of this answer. */
const HOLDS_MS = 10_000;

/** Some memory's repository is away, or has lost its branch: that is no reason to hold up whoever asks about another. */
async function fileHolds(
  deps: Pick<MemoryDeps, 'within'>,
  settings: Settings,
  memory: string,
  { blob, ...of }: RestsOnFile,
): Promise<boolean> {
  try {
    return (await withinTime(HOLDS_MS, `${of.place} does not tell it`, blobOf(deps, settings, of))) === blob;
  } catch (error) {
    return leftOut(memory, error as Error);
  }
}

function leftOut(memory: string, { message }: Error): false {
  logger('memory').warn({ err: message, memory }, 'whether it still holds cannot be told: left out');
  return false;
}

async function valueHolds(
  { ownValueOf }: Pick<MemoryDeps, 'ownValueOf'>,
  settings: Settings,
  memory: string,
  { value, ...of }: RestsOnValue,
): Promise<boolean> {
  if (settings.environments[of.environment]?.system !== 'kafka') return false;
  try {
    return (await withinTime(HOLDS_MS, `${of.environment} does not tell it`, ownValueOf(settings, of))) === value;
  } catch (error) {
    return leftOut(memory, error as Error);
  }
}
