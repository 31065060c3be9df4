import { type ColumnType, type Generated, type JSONColumnType, type Kysely, sql, type Transaction } from 'kysely';
import type { PlannedUnit } from '../decisions/unit-plan.ts';
import type { WorkItem } from '../runner/protocol.ts';
import type { Build, Quarantine, Verdict } from '../workflows/types.ts';

/**
 * `suite`: the suite proper. Runs for a verdict: `first` of a representative before anything else, `elsewhere` after a
 * host was suspected, `rerun` of one test, `replay` of a batch. `culprit`: runs on other stacks than the two arms.
 */
export type SuitePhase = 'suite' | JudgePhase | 'culprit';
export type JudgePhase = 'first' | 'elsewhere' | 'rerun' | 'replay';
export const JUDGE_PHASES: readonly JudgePhase[] = ['first', 'elsewhere', 'rerun', 'replay'];

type Time = ColumnType<Date, Date | string, Date | string>;

export interface SuiteTables {
  suite_run: {
    suite_run: string;
    release: string;
    candidate_number: number;
    fork: string;
    suite: string;
    settings: string;
    units: number;
    /** The most that worked on it at once, over all hosts. */
    slots: number;
    /** The builds it runs on, by name; grows as prefixes of the stack are built. Each host makes its own class paths. */
    arms: JSONColumnType<Record<string, Build>>;
    started_at: Generated<Time>;
    suite_ended_at: Time | null;
    ended_at: Time | null;
    problem: string | null;
    /** Seconds that the release may spend on reruns, over all its suites. */
    rerun_budget: number | null;
  };
  suite_unit: {
    suite_run: string;
    unit: string;
    selector: string;
    /** Expected seconds. */
    estimate: number;
    /** The class that this is a part of. */
    part_of: string | null;
    /** The batch that has it; null while it waits. */
    batch: string | null;
    finished: Generated<boolean>;
  };
  suite_batch: {
    batch: string;
    suite_run: string;
    number: number;
    phase: SuitePhase;
    items: JSONColumnType<WorkItem[]>;
    slot: number | null;
    host: string | null;
    /** Whoever records results of this batch must hold this token. */
    lease: string | null;
    claimed_at: Time | null;
    finished_at: Time | null;
    /** Its lease was taken back: what had not finished is in another batch, and nothing of this one is recorded any more. */
    revoked_at: Time | null;
    problem: string | null;
    /** Not on this host, where there is another. */
    avoid_host: string | null;
  };
  /** A suite worker, and when it was last there. */
  suite_host: {
    host: string;
    queue: string;
    slots: number;
    joined_at: Generated<Time>;
    seen_at: Generated<Time>;
  };
  suite_slot: {
    suite_run: string;
    /** Over all hosts: names its events and executions. */
    slot: number;
    host: string;
    /** On its host: names its folder. */
    number: number;
    /** Everything before this byte of the slot's event log is in the store. */
    events_offset: Generated<number>;
  };
  /** One run of one unit, or of one test alone: every one that was started, whatever became of it. */
  suite_execution: {
    suite_run: string;
    slot: number;
    exec: string;
    batch: string;
    item: number;
    phase: SuitePhase;
    arm: string;
    unit: string;
    test: string | null;
    started_at: Time;
    ended_at: Time | null;
    seconds: number | null;
    ended: string | null;
    complete: boolean | null;
    detail: string | null;
    /** Digest of its log in the artifact store. */
    log: string | null;
    log_bytes: number | null;
  };
  test_result: {
    suite_run: string;
    slot: number;
    exec: string;
    seq: number;
    test: string;
    unique_id: string;
    status: 'passed' | 'failed' | 'skipped';
    seconds: number;
    message: string | null;
    trace: string | null;
  };
  /** What failed in the suite proper, and what it turned out to be. */
  suite_failure: {
    suite_run: string;
    unit: string;
    test: string;
    unique_id: string;
    cluster: string;
    message: string;
    /** How its execution ended where that was not by itself: crash, timeout, silence. */
    reason: string | null;
    seconds: number;
    log: string | null;
    verdict: JSONColumnType<Verdict | null>;
    /** What stands for the base: `base`, or another arm where the base lacks the test. */
    base_arm: Generated<string>;
    quarantine: JSONColumnType<Quarantine | null>;
  };
  /** Arms for the search for a culprit that cannot be run, and why. */
  suite_point: { suite_run: string; arm: string; answer: 'unbuildable' | 'conflict'; reason: string };
  /** Tests that failed in every run on a base build, in one suite and environment, by digest. */
  base_failure: {
    base: string;
    suite: string;
    environment: string;
    unit: string;
    test: string;
    failures: number;
    suite_run: string;
    seen_at: Generated<Time>;
  };
  unit_history: {
    fork: string;
    unit: string;
    seconds: number;
    /** Of these, what does not go to its methods. */
    overhead: Generated<number>;
    runs: number;
    failures: Generated<number>;
    failure_rate: Generated<number>;
    updated_at: Generated<Time>;
  };
  method_history: {
    fork: string;
    unit: string;
    method: string;
    seconds: number;
    runs: number;
    failures: number;
    failure_rate: number;
    updated_at: Generated<Time>;
  };
}

export type SuiteDb = Kysely<SuiteTables>;
export type SuiteTransaction = Transaction<SuiteTables>;

export type NewSuiteRun = {
  suiteRun: string;
  release: string;
  candidateNumber: number;
  fork: string;
  suite: string;
  settings: string;
  slots: number;
  arms: Record<string, Build>;
};

/** Keeps the plan. Safe to repeat: the first plan of a suite run stays, so that a retry changes nothing. */
export async function savePlan(db: SuiteDb, run: NewSuiteRun, units: readonly PlannedUnit[]): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const inserted = await tx
      .insertInto('suite_run')
      .values({
        suite_run: run.suiteRun,
        release: run.release,
        candidate_number: run.candidateNumber,
        fork: run.fork,
        suite: run.suite,
        settings: run.settings,
        slots: run.slots,
        units: units.length,
        arms: JSON.stringify(run.arms),
      })
      .onConflict((conflict) => conflict.doNothing())
      .returning('suite_run')
      .executeTakeFirst();
    if (!inserted) return;
    // Arrays and no row of parameters each: 100,000 units are planned in one go, in little memory.
    for (let at = 0; at < units.length; at += 5_000) {
      const some = units.slice(at, at + 5_000);
      const column = <T>(of: (unit: PlannedUnit) => T) => some.map(of);
      await sql`insert into suite_unit (suite_run, unit, selector, estimate, part_of)
        select ${run.suiteRun}, * from unnest(${column(({ unit }) => unit)}::text[],
          ${column(({ selector }) => selector)}::text[], ${column(({ estimate }) => estimate)}::float8[],
          ${column(({ partOf }) => partOf ?? null)}::text[])`.execute(tx);
    }
  });
}

/** @throws when there is no such suite run. */
export async function suiteRunOf(db: SuiteDb, suiteRun: string) {
  const row = await db.selectFrom('suite_run').selectAll().where('suite_run', '=', suiteRun).executeTakeFirst();
  if (!row) throw new Error(`suite run ${suiteRun} has no plan in the store`);
  return row;
}

type SuiteRunHead = { fork: string; suite: string; settings: string };
const HEADS_KEPT = 100;
const heads = new WeakMap<SuiteDb, Map<string, SuiteRunHead>>();

/** What of a suite run never changes, read once by a process: every batch asks for it. @throws as `suiteRunOf` does. */
export async function suiteRunHead(db: SuiteDb, suiteRun: string): Promise<SuiteRunHead> {
  const kept = heads.get(db) ?? new Map<string, SuiteRunHead>();
  heads.set(db, kept);
  const known = kept.get(suiteRun);
  if (known) return known;
  const { fork, suite, settings } = await suiteRunOf(db, suiteRun);
  const [oldest] = kept.keys();
  if (kept.size >= HEADS_KEPT && oldest !== undefined) kept.delete(oldest);
  kept.set(suiteRun, { fork, suite, settings });
  return { fork, suite, settings };
}

export async function findSuiteRun(db: SuiteDb, suiteRun: string) {
  return db.selectFrom('suite_run').selectAll().where('suite_run', '=', suiteRun).executeTakeFirst();
}

/**
 * Opens a suite run again that ended before its time (a runner that could not work, a cancellation): what had not
 * finished waits again. What has finished stays finished.
 */
export async function reopenSuiteRun(db: SuiteDb, suiteRun: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const reopened = await tx
      .updateTable('suite_run')
      .set({ ended_at: null, problem: null })
      .where('suite_run', '=', suiteRun)
      .where('ended_at', 'is not', null)
      .returning('suite_run')
      .executeTakeFirst();
    if (!reopened) return;
    await tx
      .updateTable('suite_unit')
      .set({ batch: null })
      .where('suite_run', '=', suiteRun)
      .where('finished', '=', false)
      .where('batch', 'in', (eb) =>
        eb
          .selectFrom('suite_batch')
          .select('batch')
          .where('suite_run', '=', suiteRun)
          .where('finished_at', 'is not', null),
      )
      .execute();
  });
}

/** One more side of a comparison: a prefix of the stack that was built. Safe to repeat. */
export async function addArm(db: SuiteDb, suiteRun: string, name: string, build: Build): Promise<void> {
  await db
    .updateTable('suite_run')
    .set({ arms: sql`arms || ${JSON.stringify({ [name]: build })}::jsonb` })
    .where('suite_run', '=', suiteRun)
    .execute();
}

/** The suite proper has ended: from here on its makespan is known. Safe to repeat; the first time counts. */
export async function markSuiteEnded(db: SuiteDb, suiteRun: string): Promise<void> {
  await db
    .updateTable('suite_run')
    .set({ suite_ended_at: new Date() })
    .where('suite_run', '=', suiteRun)
    .where('suite_ended_at', 'is', null)
    .execute();
}

/** Closes a suite run, and has `learn` look at it once. Safe to repeat; the first time counts. */
export async function markEnded(
  db: SuiteDb,
  suiteRun: string,
  problem: string | undefined,
  learn: (tx: SuiteTransaction) => Promise<void> = async () => undefined,
): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const closed = await tx
      .updateTable('suite_run')
      .set({ ended_at: new Date(), problem: problem ?? null })
      .where('suite_run', '=', suiteRun)
      .where('ended_at', 'is', null)
      .returning('suite_run')
      .executeTakeFirst();
    if (closed) await learn(tx);
  });
}
