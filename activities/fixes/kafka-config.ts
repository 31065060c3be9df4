import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { caseEndWords, NO_CASE, passesAlready, verdictOf } from '../../decisions/failing-case.ts';
import { CASES_TEXT, caseProblems } from '../../decisions/kafka-case.ts';
import {
  beforeWords,
  brokenSince,
  clusterProblems,
  configKeysText,
  fieldProblems,
  fieldWords,
  losesNothing,
  riskOf,
} from '../../decisions/kafka-config.ts';
import { oneLine } from '../../lib/plain-text.ts';
import { redact } from '../../lib/redact.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type {
  Applied,
  Broken,
  ConfigCase,
  ConfigChange,
  ConfigFields,
  Verification,
} from '../../workflows/fix-types.ts';
import type { TargetInfo } from '../deploy/driver.ts';
import { permanent } from '../failures.ts';
import { alterConfig, readConfigs, readTopic } from '../health/kafka-config.ts';
import { tryCase } from './kafka-case.ts';
import { type Drafted, EffectRefused, type FixAt, type FixKind, type Proof } from './kind.ts';

export type KafkaFixDeps = {
  artifacts: Pick<ArtifactStore, 'put'>;
  /** The nodes of an environment, as they were laid out. */
  targetsOf: (at: FixAt['settings'], environment: string) => Promise<TargetInfo[]>;
  /** A roll-out that runs there, or a brake of somebody's: that comes first. */
  heldBy: (environment: string) => Promise<string | undefined>;
  /** Offline partitions and those under min.insync.replicas; `unread` where a node does not tell. */
  lookAt: (at: FixAt['settings'], environment: string) => Promise<Broken & { unread: string[] }>;
};

/** Of Kafka's own characters for a topic: it stands on the card, where nobody takes it for words. */
const topic = z
  .string()
  .max(249)
  .regex(/^[A-Za-z0-9._-]+$/);
const resource = z.object({ type: z.enum(['topic', 'broker']), name: topic });
const CASE = z.discriminatedUnion('is', [
  z.object({ is: z.literal('value'), resource, key: z.string().min(1).max(100), value: z.string().max(200) }),
  z.object({
    ...{ is: z.literal('lag'), group: topic, topic: topic.optional() },
    ...{ below: z.int().min(1).max(1e12), withinSeconds: z.int().min(1).max(120) },
  }),
  z.object({ is: z.literal('takes-writes'), topic }),
]);

const FIELDS = z.object({
  resource,
  key: z.string().min(1).max(100),
  value: z.string().max(200).nullable(),
  failingCase: CASE.optional(),
});

/** Brokers learn of a value within a moment; one that has not by then does not hold it. */
const SPREAD_MS = 20_000;
const LOOK_MS = 300;

/** One value of one topic or broker, in an environment with `system: kafka`. Nothing of it is free text. */
export function kafkaConfigKind({ artifacts, targetsOf, lookAt, heldBy }: KafkaFixDeps): FixKind<ConfigChange> {
  async function now({ settings }: FixAt, target: string, { resource, key }: ConfigFields) {
    const targets = await targetsOf(settings, target);
    const found = (await readConfigs(targets, resource, [key]))?.find(({ name }) => name === key);
    return found && { own: found.own, effective: found.effective };
  }

  async function drafted(at: FixAt, target: string, fields: ConfigFields): Promise<Drafted<ConfigChange>> {
    const { failingCase } = fields;
    const problems = [...fieldProblems(fields), ...(failingCase === undefined ? [] : caseProblems(failingCase))];
    if (problems.length > 0) return { kind: 'refused', reasons: problems };
    const before = await now(at, target, fields);
    if (before === undefined)
      return { kind: 'refused', reasons: [`${target} has no ${fields.resource.type} ${fields.resource.name}`] };
    const { resource, key, value } = fields;
    const made: ConfigChange = { kind: 'kafka-config', target, resource, key, value, before };
    return { kind: 'drafted', change: { ...made, ...(failingCase && { failingCase }) } };
  }

  const isThere = async (at: FixAt, change: ConfigChange, wanted: string | null) =>
    (await now(at, change.target, change))?.own === wanted;

  /** Sets it, and waits until a broker tells it: the controller's yes comes before the brokers know. */
  async function alter(at: FixAt, change: ConfigChange, next: string): Promise<void> {
    const { target, ...fields } = change;
    const refused = await alterConfig(await targetsOf(at.settings, target), fields, { check: false });
    // Set by an attempt before this one, perhaps: that is looked at before anybody is told that nothing was done.
    if (refused !== undefined && !(await isThere(at, change, change.value)))
      throw new EffectRefused(refusedWords(change, refused, next));
    for (const deadline = Date.now() + SPREAD_MS; !(await isThere(at, change, change.value)); await sleep(LOOK_MS)) {
      if (Date.now() > deadline)
        throw new Error(`${fieldWords(change)} was set, and no broker tells it yet: looking again`);
    }
  }

  return {
    name: 'kafka-config',
    targets: ({ environments }) =>
      Object.entries(environments).flatMap(([name, { system }]) => (system === 'kafka' ? [name] : [])),
    fields: {
      schema: FIELDS,
      words: `resource.name: a topic, or a node's name; value: null takes the resource's own value away. Allowed:\n${configKeysText()}\n${CASES_TEXT}`,
    },

    async draft(at, plan, made) {
      if (!('fields' in made))
        throw permanent('BadConfiguration', 'a configuration was made by files: an error of ours');
      return drafted(at, plan.target, made.fields);
    },

    again: (at, _plan, change) => drafted(at, change.target, change),

    async prove(at, change) {
      const { target, resource } = change;
      const targets = await targetsOf(at.settings, target);
      const topic = resource.type === 'topic' ? await readTopic(targets, resource.name) : undefined;
      const problems = clusterProblems(change, topic);
      if (problems.length > 0) return { proven: false, lines: problems };
      const refused = await alterConfig(targets, change, { check: true });
      if (refused !== undefined) return { proven: false, lines: [`Kafka would refuse it: ${refused}`] };
      const copies = topic && `; ${topic.partitions} partitions, ${topic.inSync} of ${topic.replicas} replicas in sync`;
      const checked = `now ${beforeWords(change)}${copies ?? ''}; Kafka's own check (validateOnly) takes it`;
      const shown = await proveCase(targets, change.failingCase);
      return { ...shown, lines: [checked, ...shown.lines] };
    },

    async describe(_at, change) {
      const { target, resource, key, before } = change;
      const inverse = fieldWords({ resource, key, value: before.own });
      return {
        what: [`${target}, ${fieldWords(change)}`, `now: ${beforeWords(change)}`],
        risk: losesNothing(change) ? riskOf(change) : `CANNOT BE TAKEN BACK. ${riskOf(change)}`,
        inverse: losesNothing(change) ? inverse : `none: ${inverse} would not bring back what is lost`,
      };
    },

    async moved(at, change) {
      const found = await now(at, change.target, change);
      if (found?.own === change.before.own && found.effective === change.before.effective) return undefined;
      if (found?.own === change.value) return undefined;
      const is = found === undefined ? 'gone' : beforeWords({ ...change, before: found });
      return [`${change.target}, ${change.resource.name}: was ${beforeWords(change)} and is ${is}`];
    },

    mayNot: (_at, { target }) => heldBy(target),

    apply: (at, change) => ({
      readBack: async () => ((await isThere(at, change, change.value)) ? { words: setWords(change) } : undefined),
      perform: async () => {
        // Not what the change broke. Where a node is silent nobody knows, and no change waits for it.
        const { unread, ...broken } = await lookAt(at.settings, change.target);
        await alter(at, change, OTHER_VALUE);
        return { words: setWords(change), ...(unread.length === 0 && { broken }) };
      },
    }),

    verify: (at, change, applied) => verify(at, change, applied),

    async undo(at, change) {
      if (!losesNothing(change))
        return { kind: 'not', reason: `${fieldWords(change)} cannot be taken back: what was deleted stays deleted` };
      const inverse = { ...change, value: change.before.own };
      const found = await now(at, change.target, change);
      if (found?.own !== change.value && found?.own !== inverse.value)
        return {
          kind: 'not',
          reason: `${change.key} of ${change.resource.name} is ${found?.effective ?? 'gone'} by now: no longer ours`,
        };
      const words = setWords(inverse);
      return {
        kind: 'may',
        steps: {
          readBack: async () => ((await isThere(at, change, inverse.value)) ? { words } : undefined),
          perform: async () => {
            await alter(at, inverse, BY_HAND);
            return { words };
          },
        },
      };
    },
  };

  /** Described back, nothing is offline or under min.insync.replicas that was not before, and its failing case holds. */
  async function verify(at: FixAt, change: ConfigChange, applied: Applied | undefined): Promise<Verification> {
    if (!(await isThere(at, change, change.value)))
      return { kind: 'failed', words: `${fieldWords(change)} was set, and the cluster does not tell it any more` };
    const { unread, ...now } = await lookAt(at.settings, change.target);
    if (unread.length > 0) throw new Error(`${change.target} does not tell how it stands: ${unread.join('; ')}`);
    const { newly, already } = brokenSince(change, applied?.broken, now);
    if (newly.length > 0)
      return { kind: 'failed', words: `partitions are offline or under min.insync.replicas since: ${some(newly)}` };
    const looked = await lookedAt(at, change);
    if (already.length === 0 || looked.kind === 'failed') return looked;
    const when = applied?.broken === undefined ? ', nobody knows since when' : ', as they were before';
    return {
      kind: 'inconclusive',
      words: `${looked.words}; partitions are offline or under min.insync.replicas${when}: ${some(already)}`,
    };
  }

  async function lookedAt(at: FixAt, change: ConfigChange): Promise<Verification> {
    if (change.failingCase === undefined) return { kind: 'read-back', words: `it is told: ${fieldWords(change)}` };
    const { kind, words } = await tryCase(await targetsOf(at.settings, change.target), change.failingCase);
    const { sha256 } = await artifacts.put(redact(words));
    const shown = `${caseEndWords(kind)}: artifacts/${sha256.slice(0, 2)}/${sha256}`;
    return { kind: verdictOf(kind), words: `read back: ${fieldWords(change)}; ${shown}` };
  }
}

/** Nothing can be tried before people have decided: that it fails now is all that can be shown. */
async function proveCase(targets: TargetInfo[], failingCase: ConfigCase | undefined): Promise<Proof> {
  if (failingCase === undefined) return { proven: true, shown: 'nothing', lines: [NO_CASE] };
  const { kind, words, missing } = await tryCase(targets, failingCase);
  if (missing) return { proven: false, lines: [`the failing case asks for what this cluster does not have: ${words}`] };
  if (kind === 'passed') return { proven: false, lines: [passesAlready(words)] };
  const now = kind === 'failed' ? 'fails now' : 'CANNOT BE TOLD now';
  return {
    proven: true,
    shown: 'looked-at',
    lines: [`failing case, which is looked at again once it is applied: ${now}: ${words}`],
  };
}

const some = (names: readonly string[]) => names.slice(0, 5).join(', ');

/** In the ticket's thread: Kafka's words are others', and stand in quotes. `next`: what whoever reads it can do. */
const refusedWords = (change: ConfigChange, words: string, next: string) =>
  `Kafka refuses ${fieldWords(change)} in ${change.target}, and did not set it: “${oneLine(redact(words), 300)}”. ${next}`;

const OTHER_VALUE =
  'Nothing was changed. Hand it off again with a value that it takes, or let what refuses it (a policy, a right of the account) allow this one';
const BY_HAND =
  'The new value stands: set the old one by hand, or let what refuses it (a policy, a right of the account) allow it';

const setWords = (change: ConfigChange) => `${change.target}: ${fieldWords(change)}`;
