/**
 * `npm run bench -- tickets [--tickets 1000] [--decisions 150] [--rate 0.5]`: so many tickets are asked in Slack and wait
 * for whoever is on call; those whose decisions will come are handed to the agent and wait for them. Then decisions come, so
 * many a second, and as many clicks on others of these; the rest stays open. From a decision (the update that the command
 * line and a card send) to the start of its effect; what the workers needed of memory; and whether every click was
 * answered, every fix applied, every message posted, and each of them once. A channel of Slack takes one message a second:
 * 1,000 tickets are open after some twenty minutes.
 *
 * Real: Slack's HTTP and its client, Temporal, PostgreSQL (every commit synced), three workers in processes of their own,
 * the workflows and activities of tickets, agents, fixes and approvals. Played: Slack itself, the model, which plans at
 * once, and what a fix is applied to, which is a file.
 */
import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { type Progress, progressOnStderr } from '../setup/progress.ts';
import { quantile } from './rollout/quantile.ts';
import type { Measured } from './run.ts';
import { watchPeaks } from './scale/peak.ts';
import { type Bed, openBed } from './tickets/bed.ts';
import { type Asked, createPeople } from './tickets/people.ts';

/** Issue 8. `dropped`: clicks, fixes and messages that are not there, or more than once. */
const GOALS = { p95Ms: 300, dropped: 0 };
const AT_ONCE = 16;
const PATIENCE_MS = 60 * 60_000;

export async function bench(args: string[]): Promise<Measured> {
  const { values } = parseArgs({
    args,
    options: {
      tickets: { type: 'string', default: '1000' },
      decisions: { type: 'string', default: '150' },
      rate: { type: 'string', default: '0.5' },
    },
  });
  const size = {
    tickets: Number(values.tickets),
    decisions: Math.min(Number(values.decisions), Number(values.tickets)),
    rate: Number(values.rate),
  };
  Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] });
  const bed = await openBed();
  const peaks = watchPeaks(bed.pids);
  try {
    const figures = await measure(bed, size, progressOnStderr());
    const dropped = figures.lost.length;
    return {
      figures: { ...figures, lost: figures.lost.slice(0, 10), dropped, peakMib: peaks.stop() },
      ...{ goals: GOALS, met: figures.decisionToApplyMs.p95 < GOALS.p95Ms && dropped === GOALS.dropped },
    };
  } finally {
    peaks.stop();
    await bed.close();
  }
}

type Size = { tickets: number; decisions: number; rate: number };

async function measure(bed: Bed, { tickets, decisions, rate }: Size, progress: Progress) {
  const people = createPeople(bed);
  const began = Date.now();
  const asked = await atOnce(
    Array.from({ length: tickets }, (_, n) => n),
    people.ask,
  );
  await until(bed, 'escalated', tickets, progress);
  const due = asked.slice(0, decisions);
  await atOnce(due, people.handOff);
  await until(bed, 'proposed', decisions, progress);
  await untilPosted(bed);
  const openedSeconds = Math.round((Date.now() - began) / 1_000);
  progress('decisions', `of ${tickets} open tickets ${decisions} wait for theirs; ${rate} a second come`);
  const decided = await decide(people, { due, others: due.toReversed() }, rate);
  await until(bed, 'closed', decisions, progress);
  await untilPosted(bed);
  const starts = new Map(bed.applied().map(({ ticket, at }) => [ticket, at]));
  const ms = [...decided].flatMap(([ticket, at]) => {
    const start = starts.get(ticket);
    return start === undefined ? [] : [start - at];
  });
  return {
    ...{ tickets, decisions, rate, openedSeconds, clicks: due.length, messages: bed.slack.messages().length },
    decisionToApplyMs: { p50: quantile(ms, 0.5), p95: quantile(ms, 0.95), most: Math.max(...ms) },
    ...{ load: loadavg()[0] ?? 0, cores: availableParallelism() },
    lost: await lostIn(bed, due),
  };
}

/** One after another, whether those before have come to an end or not; each with a click on a ticket far from it. */
async function decide(
  people: ReturnType<typeof createPeople>,
  { due, others }: { due: Asked[]; others: Asked[] },
  rate: number,
) {
  const decided = new Map<string, number>();
  const under: Promise<void>[] = [];
  for (const [i, one] of due.entries()) {
    under.push(people.click(others[i] as Asked));
    const question = await people.question(`${one.ticket}/1/1`);
    if (question === undefined) throw new Error(`nobody was asked about ${one.ticket}`);
    under.push(people.approve(question).then((at) => void decided.set(one.ticket, at)));
    await sleep(1_000 / rate);
  }
  await Promise.all(under);
  return decided;
}

async function until({ db, live }: Bed, state: string, tickets: number, progress: Progress): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let looks = 0; ; looks += 1) {
    live();
    const rows = await db.selectFrom('ticket').select('state').execute();
    const there = rows.filter((row) => row.state === state).length;
    if (there === tickets) return;
    if (looks % 10 === 0) progress(state, `${there} of ${tickets}`);
    if (Date.now() > deadline) throw new Error(`${there} of ${tickets} tickets are ${state}, and no more come`);
    await sleep(500);
  }
}

/** The outbox is empty: what Slack has then is all that it will get. */
async function untilPosted({ db }: Bed): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const waiting = await db
      .selectFrom('thread_message')
      .select('key')
      .where('slack_ts', 'is', null)
      .limit(1)
      .execute();
    if (waiting.length === 0) return;
    if (Date.now() > deadline) throw new Error(`${waiting[0]?.key} is not posted`);
    await sleep(500);
  }
}

/** By what Slack, the file and the store each have: every message, fix and click there, and once. */
async function lostIn(bed: Bed, due: readonly Asked[]): Promise<string[]> {
  const told = await bed.db.selectFrom('thread_message').select(['key', 'release', 'text']).execute();
  const posted = countBy(['C0RELEASES', 'D0ADA', 'D0DAN'].flatMap((channel) => bed.slack.keys(channel).map(String)));
  const applied = countBy(bed.applied().map(({ ticket }) => ticket));
  const answers = countBy(told.filter(({ text }) => /does nothing|is closed/.test(text)).map(({ release }) => release));
  const fixes = await bed.db.selectFrom('effect').select(['release', 'state']).where('kind', '=', 'fix').execute();
  const done = countBy(fixes.filter(({ state }) => state === 'done').map(({ release }) => release ?? ''));
  const once = (what: string, keys: string[], counts: Map<string, number>) =>
    keys.filter((key) => counts.get(key) !== 1).map((key) => `${what} ${key}: ${counts.get(key) ?? 0} times`);
  const tickets = due.map(({ ticket }) => ticket);
  return [
    ...once(
      'message',
      told.map(({ key }) => key),
      posted,
    ),
    ...once('line', tickets, applied),
    ...once('effect', tickets, done),
    // A ticket that was closed says so once more to a click that came later.
    ...tickets.filter((ticket) => (answers.get(ticket) ?? 0) < 1).map((ticket) => `click on ${ticket}: no answer`),
  ];
}

function countBy(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

async function atOnce<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const one = async () => {
    while (next < all.length) {
      const i = next++;
      results[i] = await work(all[i] as T);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return results;
}
