import { findingWords } from '../../decisions/review.ts';
import type { Arm, Finding, ReviewOf, ReviewRole } from '../../workflows/agent-types.ts';
import { armsText, differenceText, type HeldBy, LAYER, MATERIAL } from './brief.ts';
import type { Item } from './transcript.ts';

const GOALS = {
  regression:
    'A patch of this fork breaks tests that its base passes; controlled reruns have shown it. Mend the patch so that it still does what it is for and the tests pass.',
  build: 'A patch of this fork does not compile. Mend it so that it does what it is for.',
  conflict:
    'A patch of this fork conflicts with a newer base, and your files have the marks of the conflict. Resolve it so that the patch does on the new base what it did on the old one, and the base keeps what it does.',
};

const HELD: Record<keyof typeof GOALS, HeldBy> = { regression: 'verdict', build: 'build', conflict: 'conflict' };

/** What only this kind of repair has to know. */
const RULES: Record<keyof typeof GOALS, string> = {
  regression: `- The failing test is right until shown otherwise. No test is changed, disabled or given what only it asks for, nor is a base class or helper that the failing test uses; a change that knows the test's input is a lie and is found.
- Tests may not lie in these files (a fork that runs upstream's test jars): then the log and the patch say what they expect.`,
  build:
    '- Mend what the compiler objects to by what the patch means, not by what is shortest: a call that is gone from the base was replaced by something (`search` and `compare` in the base).',
  conflict: `- Say to yourself what the patch did (\`old_base\` to \`old_patched\`) and what upstream did (\`old_base\` to \`base\`) before you touch a mark. Both have to be there afterwards: taking one side for a whole file loses the other's change.
- No mark is left, and nothing else of the file is changed than the conflict asks for.
- Where upstream has done all that the patch does, or decided against it, do not propose: a person decides.`,
};

const repair = (
  kind: keyof typeof GOALS,
  arms: string,
) => `You mend one patch of a patched fork of a data platform. Your files begin as the candidate; you change them, try them, and hand them in by \`propose\`. What you hand in is the state of your files.

It is taken only if code finds it in order: the whole is built and run again in a clean room that you do not see, everything that passed before has to pass, and three reviewers who do not know your words read the change. So:
- Find the cause before you change anything. Change as little as mends it, in the manner of the code around it.
- The patch keeps its purpose (its message and \`Reason\` say it): taking it away is no repair.
- Try your change with \`run_tests\` before you propose.
${RULES[kind]}
- Where the patch does more than its message says, its message and \`Reason\` are what has to stay.
- Where you cannot mend it, do not propose: answer in words without a call why not. Asked again, say so again: after three such answers it goes to a person.

${arms}

${MATERIAL}`;

export type RepairBriefParts = {
  kind: keyof typeof GOALS;
  arms: readonly Arm[];
  /** The verdict, the compiler's words, or the conflict. */
  what: string;
  difference?: string;
  /** All that fail for the same reason. */
  tests: readonly string[];
  /** The patch that the change goes into: its message and its difference. */
  guilty: string;
  /** What another agent said of the cause, before. */
  explained?: string;
  /** The six layers, as activities/agent/context.ts assembled them. */
  context: string;
  sentBack?: BackParts;
};

/** An earlier attempt: what stood against it and what its proof's failures said, what people asked for, the change itself, and what you said of it. */
type BackParts = { reasons: string; failures: string; wishes: string; earlier: string; words: string };

const EARLIER = 20_000;

/** A person's words steer what is made; they are no more an order to code than a log is. */
function backSections({ reasons, failures, wishes, earlier, words }: BackParts): string[] {
  return [
    ...(reasons ? [`## Your earlier change was sent back\n${reasons.slice(0, LAYER)}`] : []),
    ...(failures ? [`## What failed with it, from the logs of its proof\n${failures.slice(0, LAYER + 1_000)}`] : []),
    ...(wishes
      ? [
          `## What people who decide on your earlier change ask for, in their words\nMake it so as far as all that was said above allows: no rule is lifted by it, and nobody is asked for what your tools do not do. Where it cannot be done so, say why instead of proposing.\n${wishes.slice(0, LAYER)}`,
        ]
      : []),
    ...(earlier ? [`## Your earlier change; your files begin without it\n${earlier.slice(0, EARLIER)}`] : []),
    ...(words ? [`## What you said of it\n${words.slice(0, LAYER)}`] : []),
  ];
}

const WHAT: Record<keyof typeof GOALS, string> = {
  regression: 'What holds the release',
  build: 'What holds the release: the build, from its first error on (`evidence` has the whole log)',
  conflict: 'What holds the release: the conflict',
};

export function repairBrief(parts: RepairBriefParts): Item[] {
  const { kind, arms, what, difference, tests, guilty, explained, context, sentBack } = parts;
  const failing = tests.length > 1 ? `\nall of these fail:\n${tests.slice(0, 40).join('\n')}` : '';
  const material = [
    `## What to do\n${GOALS[kind]}`,
    `## ${WHAT[kind]}\n${what.slice(0, LAYER)}${failing}`,
    ...(difference ? [differenceText(difference)] : []),
    ...(sentBack ? backSections(sentBack) : []),
    ...(explained ? [`## An explanation, not proven\n${explained.slice(0, LAYER)}`] : []),
    `## The patch that your change goes into\n${guilty}`,
    context,
  ].join('\n\n');
  return [
    { role: 'developer', content: repair(kind, armsText(HELD[kind], arms)) },
    { role: 'user', content: material },
  ];
}

const LOOK: Record<ReviewRole, string> = {
  'review-correctness':
    'correctness: does the change do what the failing test and the patch ask for, in every case and not only in the one that is tested; races, resources, errors, edge values.',
  'review-blast-radius':
    'blast radius: who else calls what is changed, what of stored data, protocols, configuration and performance it touches, what breaks in a rolling upgrade where old and new run side by side.',
  'review-tests':
    'tests and honesty: does the change mend the cause, or does it only make the test pass (special cases for its input, weakened assertions, swallowed errors, longer limits)?',
};

const REVIEWED: Record<Exclude<ReviewOf, 'ticket'>, string> = {
  verdict:
    '`base` is the stack as it was held, where the tests fail; `candidate` is the same with the change, where they pass in our clean room.',
  build:
    '`base` is the stack as it was held, which does not compile; `candidate` is the same with the change: it builds in our clean room.',
  conflict:
    'a patch did not apply on a newer base and was resolved. `old_base` is what it was made on, `old_patched` the patch as it was there; `base` is the NEW base without any patch of the fork, `candidate` the new base with the whole stack, this patch as it was resolved: it builds in our clean room. What the patch did on the old base it has to do on the new one, and nothing that upstream did meanwhile (`compare` from `old_base` to `base`) may be lost.',
};

/** Blind to the author's reasoning: the change, the failure, and nothing that its author said (design.md, *Support*, 5). */
export function reviewBrief(
  role: ReviewRole,
  parts: { of: Exclude<ReviewOf, 'ticket'>; what: string; patch: string; original?: string },
): Item[] {
  const original = parts.original
    ? `\n\n## The patch that it goes into, as it was\n${parts.original.slice(0, 30_000)}`
    : '';
  const instructions = `You review a change to a patched fork of a data platform before it is applied. Look at ${LOOK[role]}

Your arms: ${REVIEWED[parts.of]} Read what surrounds the change before you judge. A finding \`blocks\` only where you can say what goes wrong and how; everything else is a note (what a runbook calls *must* blocks, *should* is a note). No findings is a good answer when there is nothing: say in \`tried\` what you tried to break it with. What you could not tell goes into \`open\`; it is no finding. What to look for is in the runbook \`${role}\` (\`read_skill\`). End by calling \`review\`.

${MATERIAL}`;
  return [
    { role: 'developer', content: instructions },
    {
      role: 'user',
      content: `## What it is to mend\n${parts.what.slice(0, LAYER)}\n\n## The change\n${parts.patch.slice(0, 60_000)}${original}`,
    },
  ];
}

export const sentBackWords = (reasons: readonly string[], findings: readonly Finding[]) =>
  [...reasons, ...findings.map(findingWords)].map((line) => `- ${line}`).join('\n');
