import type { z } from 'zod';
import type { Settings } from '../../config/schema.ts';
import type { EffectSteps } from '../../store/journal.ts';
import type { Proposal } from '../../workflows/agent-types.ts';
import type {
  Applied,
  ConfigFields,
  FixCard,
  FixChange,
  FixKindName,
  FixPlan,
  Shown,
  Verification,
} from '../../workflows/fix-types.ts';
import type { Digest } from '../../workflows/types.ts';

/** Of which fix, under which settings. `run` names what made the proposal. */
export type FixAt = { settings: Settings; digest: Digest; ticket: string; fix: string; run: string };

/** What an agent made: files, or typed fields. */
export type Made = { proposal: Proposal } | { fields: ConfigFields };

export type Drafted<C extends FixChange> = { kind: 'drafted'; change: C } | { kind: 'refused'; reasons: string[] };

/** `shown`: where it is not all that there is to show. */
export type Proof = { proven: boolean; lines: string[]; shown?: Shown };

export type Undo = { kind: 'may'; steps: EffectSteps<{ words: string }> } | { kind: 'not'; reason: string };

/** Whoever was asked to do it said no for good, and nothing was done: an answer, in words that say what to do. */
export class EffectRefused extends Error {
  override name = 'EffectRefused';
  readonly nonRetryable = true;
}

/**
 * One kind of fix. What it may be applied to comes out of the configuration alone; what it does is exactly what
 * `describe` shows; `apply` and `undo` run in the effect journal, which reads back before anything is done again.
 * docs/fixes.md says how to add one.
 */
export type FixKind<C extends FixChange = FixChange> = {
  name: FixKindName;
  /** Names out of the configuration: text never picks a write target. */
  targets(settings: Settings): string[];
  /** Where a fix is files: the code that an agent changes (config/code.ts). */
  code?(target: string): string;
  /** Where it is typed fields: their schema, and what an agent is told of them. */
  fields?: { schema: z.ZodType<ConfigFields>; words: string };
  /** The exact change, on what is there now. Refused with reasons that whoever made it can act on. */
  draft(at: FixAt, plan: FixPlan, made: Made): Promise<Drafted<C>>;
  /** The same change on what is there by now. */
  again(at: FixAt, plan: FixPlan, change: C): Promise<Drafted<C>>;
  /** Tries it where nothing can break. Never an effect. */
  prove(at: FixAt, change: C): Promise<Proof>;
  /** Words, risk and inverse for whoever decides, and what an approval is bound to. */
  describe(at: FixAt, change: C): Promise<FixCard>;
  /** What is there instead of what the change was made on; undefined where nothing moved. Reads only. */
  moved(at: FixAt, change: C): Promise<string[] | undefined>;
  /** What stands in its way just now, whatever was approved; undefined where nothing does. Reads only. */
  mayNot?(at: FixAt, change: C): Promise<string | undefined>;
  apply(at: FixAt, change: C): EffectSteps<Applied>;
  /** Whether people have merged what waits for them to; a kind without it waits for nobody. Reads only. */
  merged?(at: FixAt, change: C): Promise<boolean>;
  /**
   * Whether it is there and does what it is for; `inconclusive` where that cannot be told, `read-back` where nothing
   * could be tried. `applied`: what the journal holds of it.
   */
  verify(at: FixAt, change: C, applied?: Applied): Promise<Verification>;
  /** The approved inverse, where the state is still ours and nothing is lost by it. */
  undo(at: FixAt, change: C): Promise<Undo>;
};
