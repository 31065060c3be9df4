import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { WaveKind } from '../decisions/gate/profile.ts';
import type { MetadataBefore } from '../decisions/kafka-rules/put-back.ts';
import type { ClientFigures } from '../decisions/soak.ts';
import type { Digest, GateVerdict, ReadBack, RolloutOutcome, TrafficAccount } from '../workflows/types.ts';

/** Forward installs the candidate, back puts the artifact from before on the node again. */
export type Direction = 'forward' | 'back';

/** planned → intent → changed (the new process was started) → done (in sync and read back), or failed. */
export type TargetState = 'planned' | 'intent' | 'changed' | 'done' | 'failed';

/** What a node holds: files by digest, and the build they are of where the store knows it. */
export type Installed = { artifacts: { name: string; sha256: Digest }[]; version?: string; commit?: string };

/** Which process of a node; `startedAt` as its driver tells it. */
/** `recovered`: others ended it and brought it back, and it does not lead again what it led before. */
export type SeenProcess = { state: string; pid?: number; startedAt?: string; recovered?: true };

/** Where the seconds of one node went; `ours` is what was neither the node's stop, its return nor its syncing. */
export type TargetSeconds = {
  total: number;
  stop: number;
  install: number;
  start: number;
  return: number;
  inSync: number;
  leaders: number;
  ours: number;
};

export type WaveGate = GateVerdict & { figures: Record<string, unknown> };

/** Which wave it is of its plan: how long it bakes. */
export type WaveShape = { kind: WaveKind | 'watch'; firstServing: boolean };

type Json<T> = ColumnType<T | null, string | null | undefined, string | null>;
type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>;

export interface RolloutTables {
  rollout: {
    id: string;
    release: string;
    candidate_number: number;
    environment: string;
    digest: string;
    version: string;
    commit: string;
    artifacts: JSONColumnType<{ name: string; sha256: Digest; bytes: number }[]>;
    settings: string;
    requested_by: string;
    attempt: Generated<number>;
    started_at: Generated<Date>;
    ended_at: Date | null;
    outcome: Json<RolloutOutcome>;
    baseline: Json<ClientFigures>;
    traffic: Json<TrafficAccount>;
    before_looks: Optional<string>;
    metadata_before: Json<MetadataBefore>;
  };
  rollout_target: {
    rollout: string;
    target: string;
    direction: Direction;
    position: number;
    effect_key: string;
    state: TargetState;
    from_build: JSONColumnType<Installed>;
    to_build: JSONColumnType<Installed>;
    seen: JSONColumnType<SeenProcess>;
    before: Json<SeenProcess>;
    leaders: Json<{ topic: string; partition: number }[]>;
    read_back: Json<ReadBack>;
    seconds: Json<Partial<TargetSeconds>>;
    failure: string | null;
    intended_at: Date | null;
    changed_at: Date | null;
    ended_at: Date | null;
  };
  rollout_wave: {
    rollout: string;
    n: number;
    targets: JSONColumnType<string[]>;
    gate: Json<WaveGate>;
    attempt: Generated<number>;
    why: Optional<string>;
    shape: Json<WaveShape>;
    alpha_index: Optional<number>;
    begun_at: Optional<Date>;
    record: Optional<string>;
    started_at: Generated<Date>;
    ended_at: Date | null;
  };
  environment_target: {
    environment: string;
    target: string;
    version: string | null;
    commit: string | null;
    artifacts: JSONColumnType<{ name: string; sha256: Digest }[]>;
    rollout: string | null;
    since: Generated<Date>;
  };
}

/** One node's entry in the ledger. */
export type LedgerEntry = {
  rollout: string;
  target: string;
  direction: Direction;
  position: number;
  /** Under which the change is in the journal, and lets the node start. */
  key: string;
  state: TargetState;
  from: Installed;
  to: Installed;
  seen: SeenProcess;
  before?: SeenProcess;
  /** That it led by the plan, or by its intent where there is one. */
  leaders: { topic: string; partition: number }[];
  readBack?: ReadBack;
  seconds: Partial<TargetSeconds>;
  failure?: string;
  intendedAt?: string;
  changedAt?: string;
};
