import { isDeepStrictEqual } from 'node:util';
import { type GateRecord, readRecord } from '../../activities/rollout/gates.ts';
import type { GateJudgement } from '../../decisions/gate/types.ts';
import { judgeGate } from '../../decisions/gate-verdict.ts';
import { gateWords } from '../../decisions/gate-words.ts';
import { ExitError } from '../../lib/exit-error.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import { recordOf } from '../../store/gates.ts';

export type WaveName = { release: string; environment: string; wave: number };

export type GateReplay = WaveName & {
  record: string;
  looks: { before: number; after: number };
  /** Computed again: the same kind, reasons and figures, and no verdict at any earlier look. */
  same: boolean;
  differences: string[];
  stored: GateJudgement;
  computed: GateJudgement;
};

/** `RELEASE/ENV/WAVE`, as `gate replay` takes it. */
export function waveNamed(text: string): WaveName {
  const [release, environment, wave, ...more] = text.split('/');
  if (release && environment && wave && /^[1-9]\d*$/.test(wave) && more.length === 0) {
    return { release, environment, wave: Number(wave) };
  }
  throw new ExitError(2, `"${text}" is no wave; name it as RELEASE/ENV/WAVE, for example kafka-1/staging/1`);
}

/** `gate replay`: computes a verdict again from the looks that were stored with it. Reads only. */
export async function replayGate(
  { db, artifacts }: { db: Db; artifacts: ArtifactStore },
  name: WaveName,
): Promise<GateReplay> {
  const called = `${name.release}/${name.environment}/${name.wave}`;
  const found = await recordOf(db, name);
  if (!found) throw new ExitError(1, `there is no wave ${called}; patchwright report ${name.release} lists them`);
  if (found.record === null) throw new ExitError(1, `the gate of ${called} never came to a verdict: nothing to replay`);
  const record = await readRecord({ artifacts }, found.record);
  const computed = JSON.parse(JSON.stringify(judgeGate(record.input))) as GateJudgement;
  const differences = differ(record, computed);
  return {
    ...name,
    record: found.record,
    looks: { before: record.input.before.length, after: record.input.after.length },
    same: differences.length === 0,
    differences,
    stored: record.judgement,
    computed,
  };
}

function differ({ input, judgement }: GateRecord, computed: GateJudgement): string[] {
  const differences: string[] = [];
  for (const part of ['kind', 'reasons', 'figures'] as const) {
    if (!isDeepStrictEqual(judgement[part], computed[part])) differences.push(`${part} differ`);
  }
  // Asked after every look: one that had decided earlier would have ended there.
  const previous = input.after.slice(0, -1);
  const last = previous.at(-1);
  if (last && judgeGate({ ...input, after: previous, nowMs: last.atMs }).kind !== 'watching') {
    differences.push('it had decided one look earlier');
  }
  return differences;
}

export function replayText({ stored, looks, same, differences, ...name }: GateReplay): string[] {
  const where = `${name.release}, ${name.environment}, wave ${name.wave}`;
  return [
    gateWords(where, stored),
    `computed again from ${looks.before} looks before and ${looks.after} after: ${same ? 'the same' : differences.join('; ')}`,
  ];
}
