import type { AgentEnd, AgentRole } from '../workflows/agent-types.ts';
import type { FixKindName } from '../workflows/fix-types.ts';
import type { AnswerEnd } from '../workflows/ticket-types.ts';
import { durationWords } from './duration-words.ts';

/**
 * What the thread of a ticket shows while something is done about it. Code's words only, and names of the configuration:
 * whoever reads along there may not read what an agent reads, and an agent that obeys a text could write into whatever
 * else of its calls was shown.
 */

const TOOLS: Readonly<Record<string, (of: string) => string>> = {
  read_file: (of) => `reads source${of && ` of ${of}`}`,
  search: (of) => `searches the source${of && ` of ${of}`}`,
  list_files: (of) => `looks through the files${of && ` of ${of}`}`,
  history: (of) => `looks when the source${of && ` of ${of}`} was changed`,
  compare: () => 'compares two states of the source',
  show_patch: () => 'reads a patch',
  evidence: () => 'reads what failed',
  look_up: () => 'looks something up',
  read_skill: () => 'reads a runbook',
  read_on: () => 'reads on',
  knowledge: () => 'looks in the documentation',
  status: (of) => `looks how ${of || 'an environment'} stands`,
  logs: (of) => `reads what nodes${of && ` of ${of}`} logged`,
  releases: () => 'looks at past releases',
  edit_file: () => 'changes a file',
  shell: () => 'runs a command in the sandbox',
  run_tests: () => 'tries the change',
  plan: () => 'hands in its plan',
  hand_in: () => 'hands in its change',
  review: () => 'hands in its findings',
};

export const THINKS = 'thinks';

/** One call in plain words. `known`: names of the configuration; nothing else out of its arguments is shown. */
export function toolWords(name: string, given: string, known: readonly string[]): string {
  const words = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (words === undefined) return 'makes a call';
  return words(known.find((one) => given.includes(`${JSON.stringify(one)}`)) ?? '');
}

const JOBS: Readonly<Partial<Record<AgentRole, [now: string, done: string]>>> = {
  investigate: ['An agent looks into it', 'An agent looked into it'],
  patch: ['An agent makes the change', 'An agent made a change'],
  'review-correctness': ['A reviewer reads it (correctness)', 'A reviewer read it (correctness)'],
  'review-blast-radius': ['A reviewer reads it (blast radius)', 'A reviewer read it (blast radius)'],
  'review-tests': ['A reviewer reads it (tests)', 'A reviewer read it (tests)'],
};

/**
 * One run of an agent, or how code tries what it made. `seconds`: until now, or its end. `doing`: of one that goes on;
 * `ended`: of one that does not.
 */
export type ShownRun = {
  role: AgentRole | 'proof';
  calls: number;
  seconds: number;
  doing?: string;
  ended?: AgentEnd['kind'] | 'refused';
};

/** What code does first to prove a change of each kind. */
const TRIES: Readonly<Record<FixKindName, string>> = {
  repository: 'its failing case and the check of its repository, without it and with it',
  'stack-patch': 'builds the branch without it and with it',
  'kafka-config': 'the cluster is asked whether it would take it, and how things are now',
};
export const triesWords = (kind: FixKindName): string => TRIES[kind];
export const triesSuite = (suite: string): string => `suite ${suite} runs without it and with it`;
export const TRIES_TEST = 'its failing test runs without it and with it';

/** Runs that are named; those before are counted. */
const SHOWN = 10;

/** The one message of a fix: each run in a line, the last ones, and where to read on. */
export function workText(ticket: string, runs: readonly ShownRun[]): string {
  const before = runs.length - SHOWN;
  return [
    ...(before > 0 ? [`… ${before} earlier runs`] : []),
    ...runs.slice(-SHOWN).map(runWords),
    `To read on: npx patchwright agent runs ${ticket}`,
  ].join('\n');
}

function runWords(run: ShownRun): string {
  const { role, calls, seconds, doing, ended } = run;
  if (role === 'proof') return proofWords(run);
  const [now, done] = JOBS[role] ?? ['An agent works', 'An agent worked'];
  const spent = `${calls === 1 ? '1 call' : `${calls} calls`}, ${durationWords(seconds)}`;
  if (ended === undefined) return `${now}: it ${doing ?? THINKS} (${spent})`;
  return `${done}: ${spent}${ended === 'answered' ? '' : ', and came to no end that counts'}`;
}

function proofWords({ seconds, doing, ended }: ShownRun): string {
  if (ended === undefined) return `Code tries it: ${doing} (${durationWords(seconds)})`;
  return `Code tried it: ${durationWords(seconds)}${ended === 'answered' ? '' : ', and it is not taken'}`;
}

export const SEARCHES = 'Looking for an answer in the documentation and what else everybody here may read.';
export const NO_END = 'Looked for an answer, and did not come to an end in time.';

/** `asked`: questions to the model. */
export type AnswerWork = { places: number; asked: number; seconds: number };

export function writesWords({ places, asked }: AnswerWork): string {
  const found = `Looking for an answer: ${placesWords(places)} found`;
  return asked === 0
    ? `${found}; the model writes it.`
    : `${found}; what was written is not there: it is written again.`;
}

/** What it came to; what it says comes after, in a message of its own. */
export function answerWorkWords(
  ticket: string,
  kind: AnswerEnd['kind'],
  { places, asked, seconds }: AnswerWork,
): string {
  const model = asked === 0 ? '' : `, the model asked ${asked === 1 ? 'once' : `${asked} times`}`;
  const end =
    kind === 'answered' ? 'Looked for an answer' : 'Looked for an answer, and there is none that can be shown';
  return `${end}: ${placesWords(places)} found${model}, ${durationWords(seconds)}. To read on: npx patchwright ticket show ${ticket}`;
}

const placesWords = (places: number) => (places === 1 ? 'one place' : `${places === 0 ? 'no' : places} places`);
