import { styleText } from 'node:util';
import { oneLine } from '../lib/plain-text.ts';
import type { Progress, RolloutProgress, StepProgress } from '../report/progress.ts';
import type { ThreadMessage, Tone } from '../store/thread.ts';
import type { ReleaseOutcome } from '../workflows/types.ts';
import { suiteGroups } from './suite-lines.ts';

/**
 * The look of a release in the terminal: its story as it grows, and under it, where there is a terminal,
 * two live lines: the steps, and how far the running one is. Pure text in, text out.
 */
export type Look = { colour: boolean; columns: number };

/** Where something is shown: a terminal gets colours and its own width, anything else plain text. */
export type StoryOutput = NodeJS.WritableStream & { isTTY?: boolean; columns?: number; hasColors?: () => boolean };

// For a file or a pipe: wide enough that few lines are broken.
const PLAIN_COLUMNS = 160;

/** Asked again for every line, since a terminal's width changes. `hasColors` heeds NO_COLOR and FORCE_COLOR. */
export function lookOf(out: StoryOutput): Look {
  if (out.isTTY !== true) return { colour: false, columns: PLAIN_COLUMNS };
  return { colour: out.hasColors?.() ?? true, columns: out.columns || 80 };
}

type Format = Parameters<typeof styleText>[0];

export const TONE_MARKS: Record<Tone, [mark: string, format: Format]> = {
  info: ['●', 'cyan'],
  good: ['✔', 'green'],
  warn: ['▲', 'yellow'],
  bad: ['✘', 'red'],
};
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const INDENT = '  ';
const GAP = '   ';

/** Colours only where the look has them. */
export function paint(look: Look, format: Format, text: string): string {
  return look.colour ? styleText(format, text, { validateStream: false }) : text;
}

/** `kafka-7  kafka main → staging → production`. */
export function headLines(progress: Progress, look: Look): string[] {
  const way = progress.steps
    .filter(({ step }) => step.startsWith('rollout:'))
    .map(({ step }) => step.slice('rollout:'.length));
  const what = [`${oneLine(progress.fork)} ${oneLine(progress.ref)}`, ...way].join(' → ');
  return ['', `${INDENT}${paint(look, ['bold', 'cyan'], progress.release)}  ${paint(look, 'bold', what)}`, ''];
}

/** One message of the story; its further lines are set under the first and dimmed. */
export function messageLines(message: ThreadMessage, since: string, look: Look): string[] {
  const [mark, format] = TONE_MARKS[message.tone];
  const at = paint(look, 'dim', clock((Date.parse(message.at) - Date.parse(since)) / 1000));
  const hang = INDENT.length + 5 + 2 + 1 + 2;
  const [first = '', ...rest] = message.text
    .split('\n')
    .flatMap((line) => wrap(line, Math.max(20, look.columns - hang)));
  const lead = message.final || message.tone === 'bad' ? paint(look, ['bold', ...list(format)], first) : first;
  return [
    `${INDENT}${at}  ${paint(look, format, mark)}  ${lead}`,
    ...rest.map((line) => `${' '.repeat(hang)}${paint(look, 'dim', line)}`),
  ];
}

/** The live lines: the steps with their times, then the running step's own progress. */
export function liveLines(progress: Progress, frame: number, look: Look, notice?: string): string[] {
  const full = progress.steps.map((step) => stepParts(step, frame));
  // On a narrow terminal the times of what has ended go first.
  const short = progress.steps.map((step) =>
    step.state === 'ended' ? stepParts(step, frame).slice(0, 2) : stepParts(step, frame),
  );
  const steps = fitLine(widthOf(full) > look.columns - INDENT.length - 1 ? short : full, look);
  return [
    '',
    `${INDENT}${steps}`,
    ...detailGroups(progress.detail, frame, look).map((groups) => `${INDENT}${fitLine(groups, look)}`),
    ...(notice === undefined ? [] : [`${INDENT}${paint(look, 'yellow', oneLine(notice, look.columns - 4))}`]),
  ];
}

/** One plain line for the beginning of a step, where there are no live lines. */
export function stepLine({ step, seconds }: StepProgress, progress: Progress, look: Look): string {
  const began = (Date.now() - Date.parse(progress.startedAt)) / 1000 - seconds;
  return paint(look, 'dim', `${INDENT}${clock(began)}  …  ${stepName(step)}`);
}

/** The last lines: how it ended, how long it took, where its time went, and where the evidence is. */
export function endLines(progress: Progress, look: Look): string[] {
  if (!progress.outcome) return [];
  const seconds = (Date.parse(progress.endedAt ?? progress.startedAt) - Date.parse(progress.startedAt)) / 1000;
  const [mark, format] = TONE_MARKS[outcomeTone(progress.outcome)];
  const steps = progress.steps
    .filter(({ state }) => state !== 'waiting')
    .map(({ step, seconds }) => `${stepName(step)} ${clock(seconds)}`);
  return [
    '',
    `${INDENT}${paint(look, ['bold', ...list(format)], `${mark} ${progress.outcome.kind}`)} in ${clock(seconds)}  ${paint(look, 'dim', steps.join(' · '))}`,
    `${INDENT}${paint(look, 'dim', `evidence: npx patchwright report ${progress.release} --md`)}`,
    '',
  ];
}

export function outcomeTone(outcome: ReleaseOutcome): Tone {
  if (outcome.kind === 'released') return 'good';
  return ['failed', 'frozen', 'rolled-back'].includes(outcome.kind) ? 'bad' : 'warn';
}

/** Some words on a live line, and how they look. */
export type Part = { text: string; format?: Format };

function stepParts({ step, state, seconds }: StepProgress, frame: number): Part[] {
  const name = stepName(step);
  if (state === 'ended')
    return [{ text: '✔ ', format: 'green' }, { text: name }, { text: ` ${clock(seconds)}`, format: 'dim' }];
  if (state === 'waiting') return [{ text: `○ ${name}`, format: 'dim' }];
  return [
    { text: `${SPINNER[frame % SPINNER.length]} `, format: 'cyan' },
    { text: name, format: 'bold' },
    { text: ` ${clock(seconds)}`, format: 'cyan' },
  ];
}

function stepName(step: string): string {
  return oneLine(step.replace(/^(?:suite|rollout):/, ''), 24);
}

/** A line each. */
function detailGroups(detail: Progress['detail'], frame: number, look: Look): Part[][][] {
  if (detail === undefined) return [];
  return detail.kind === 'suite' ? suiteGroups(detail, look) : [[rolloutParts(detail, frame)]];
}

const TARGET_LOOK = {
  planned: { mark: '○', format: 'dim', word: '' },
  intent: { mark: undefined, format: 'cyan', word: ' changing' },
  changed: { mark: undefined, format: 'cyan', word: ' catching up' },
  done: { mark: '✔', format: 'green', word: '' },
  failed: { mark: '✘', format: 'red', word: ' failed' },
} as const;

function rolloutParts({ direction, targets }: RolloutProgress, frame: number): Part[] {
  if (targets.length === 0) return [{ text: 'preflight', format: 'dim' }];
  const lead: Part[] = direction === 'back' ? [{ text: 'rolling back  ', format: 'red' }] : [];
  return lead.concat(
    targets.flatMap(({ name, state }): Part[] => {
      const { mark, format, word } = TARGET_LOOK[state];
      const shown = oneLine(name, 24) + word;
      return [
        { text: `${mark ?? SPINNER[frame % SPINNER.length]} `, format },
        ...(state === 'planned' ? [{ text: `${shown}   `, format: 'dim' as const }] : [{ text: `${shown}   ` }]),
      ];
    }),
  );
}

function widthOf(groups: readonly (readonly Part[])[]): number {
  const gaps = Math.max(0, groups.length - 1) * GAP.length;
  return gaps + groups.flat().reduce((sum, { text }) => sum + text.length, 0);
}

/** Groups of parts on one line, cut at the terminal's width: a live line that wraps cannot be redrawn. */
function fitLine(groups: readonly (readonly Part[])[], look: Look): string {
  let room = look.columns - INDENT.length - 1;
  let line = '';
  for (const { text, format } of groups.flatMap(
    (group, n) => (n === 0 ? group : [{ text: GAP }, ...group]) as Part[],
  )) {
    if (room <= 0) break;
    const shown = text.length > room ? `${text.slice(0, room - 1)}…` : text;
    room -= shown.length;
    line += format === undefined ? shown : paint(look, format, shown);
  }
  return line;
}

/** `4:31`, `1:02:09`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(minutes).padStart(2, '0')}:${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

function wrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width);
    const at = space > width / 2 ? space : width;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at).trimStart();
  }
  return [...lines, rest];
}

function list(format: Format): ('bold' | 'cyan')[] {
  return (Array.isArray(format) ? format : [format]) as ('bold' | 'cyan')[];
}
