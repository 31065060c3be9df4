import { oneLine } from '../lib/plain-text.ts';
import type { SuiteProgress } from '../report/progress.ts';
import { clock, type Look, type Part } from './terminal.ts';

/**
 * How far a suite is, in at most three lines: the bar with what is left and when it ends, what each slot is at, and
 * what has failed so far. While failures are judged, the first line says so.
 */
export function suiteGroups(suite: SuiteProgress, look: Look): Part[][][] {
  const judging = suite.leftSeconds === null && suite.failures > 0;
  const running = runningParts(suite, look);
  return [
    [judging ? judgingParts(suite) : barParts(suite, look)],
    ...(running.length > 0 ? [[running]] : []),
    ...(suite.failedTests.length > 0 && !judging ? [[failedParts(suite)]] : []),
  ];
}

function barParts({ done, units, failed, slots, leftSeconds, expectedEnd }: SuiteProgress, look: Look): Part[] {
  const width = Math.max(10, Math.min(36, look.columns - 72));
  const filled = units === 0 ? 0 : Math.min(width, Math.floor((done / units) * width));
  const end = expectedEnd === null ? '' : `, until ${localTime(expectedEnd)}`;
  return [
    { text: '━'.repeat(filled), format: failed > 0 ? 'yellow' : 'green' },
    { text: '─'.repeat(width - filled), format: 'dim' },
    { text: `  ${grouped(done)} of ${grouped(units)} units` },
    { text: ` on ${slots} ${slots === 1 ? 'slot' : 'slots'}`, format: 'dim' },
    ...(leftSeconds ? [{ text: `, ${clock(leftSeconds)} left${end}`, format: 'dim' as const }] : []),
  ];
}

function judgingParts({ failures, judged }: SuiteProgress): Part[] {
  const what = `${grouped(failures)} ${failures === 1 ? 'failure' : 'failures'}`;
  return [
    { text: `${what}, ${grouped(judged)} judged`, format: 'yellow' },
    { text: '  running again alone, on candidate and base', format: 'dim' },
  ];
}

/** The longest at it first: that is what a person would look into. */
function runningParts({ running }: SuiteProgress, look: Look): Part[] {
  const shown = [...running].sort((a, b) => b.seconds - a.seconds).slice(0, look.columns < 100 ? 2 : 4);
  const hidden = running.length - shown.length;
  if (shown.length === 0) return [];
  const parts = shown.flatMap(({ unit, test, arm, phase, seconds }): Part[] => [
    { text: shortName(test ?? unit, Math.floor((look.columns - 20) / shown.length) - 10) },
    { text: `${phase === 'suite' ? '' : ` ${arm}`} ${clock(seconds)}   `, format: 'dim' },
  ]);
  return [
    { text: 'running  ', format: 'dim' },
    ...parts,
    ...(hidden > 0 ? [{ text: `and ${hidden} more`, format: 'dim' as const }] : []),
  ];
}

function failedParts({ failedTests, failed }: SuiteProgress): Part[] {
  const shown = failedTests.slice(0, 3).map((test) => shortName(test, 60));
  const more = failed - shown.length;
  return [
    { text: `${grouped(failed)} failed  `, format: 'yellow' },
    { text: shown.join('  ') },
    ...(more > 0 ? [{ text: `  and ${grouped(more)} more`, format: 'dim' as const }] : []),
  ];
}

/** For `release show`: where the time of a suite goes. */
export function slowestLine({ slowest }: SuiteProgress): string {
  const units = slowest.map(({ unit, seconds }) => `${shortName(unit, 60)} ${clock(seconds)}`);
  return units.length === 0 ? '' : `slowest  ${units.join('   ')}`;
}

/** Without packages; cut in the middle where it is long, since both ends tell tests apart. */
export function shortName(id: string, width: number): string {
  const [name = '', ...method] = oneLine(id, 400).split('#');
  const simple = method.map((one) => one.replace(/(?:[\w]+[.$])+(?=[\w]+)/g, ''));
  const short = [name.slice(name.lastIndexOf('.') + 1), ...simple].join('#');
  const room = Math.max(12, width);
  if (short.length <= room) return short;
  const tail = Math.floor((room - 1) / 2);
  return `${short.slice(0, room - 1 - tail)}…${short.slice(-tail)}`;
}

function localTime(iso: string): string {
  const at = new Date(iso);
  return [at.getHours(), at.getMinutes()].map((part) => String(part).padStart(2, '0')).join(':');
}

function grouped(n: number): string {
  return n.toLocaleString('en-US');
}
