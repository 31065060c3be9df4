import type { Proposal } from '../workflows/agent-types.ts';

/** One patch that conflicted, and what its agent handed in for it. */
export type OneResolution = { subject: string; proposal: Proposal };

/**
 * All resolutions of a stack as one proposal, for whoever decides: what code points out of any of them is asked about,
 * and a test that any of them touches proves nothing. The files are those of the last one, which stands on the others.
 */
export function togetherOf(resolved: readonly OneResolution[], last: Proposal): Proposal {
  if (resolved.length < 2) return last;
  const each = (of: (proposal: Proposal) => string) =>
    resolved.map(({ subject, proposal }) => `(patch "${subject}") ${of(proposal)}`).join(' ');
  const tests = [...new Set(resolved.flatMap(({ proposal }) => proposal.tests ?? []))].sort();
  return {
    ...last,
    pointedOut: resolved.flatMap(({ subject, proposal }) =>
      proposal.pointedOut.map((line) => `in patch "${subject}": ${line}`),
    ),
    ...(tests.length > 0 && { tests }),
    cause: each(({ cause }) => cause),
    change: each(({ change }) => change),
    risk: each(({ risk }) => risk),
  };
}

/** A resolution, by what somebody who speaks of it may call it. */
export type NamedResolution = { subject: string; commit: string; paths: readonly string[] };

/**
 * Which of several resolutions is meant, by their places, in order: those whose patch is named, else those whose files
 * are; of several that changed a file the last. The last of all where nothing tells: it stands on the others.
 *
 * @param said reasons, or people's own words; `files` are those that a reviewer's findings are about.
 */
export function meantOf(
  resolutions: readonly NamedResolution[],
  said: { texts: readonly string[]; files?: readonly string[] },
): number[] {
  const ofFile = (is: (path: string) => boolean) => resolutions.findLastIndex(({ paths }) => paths.some(is));
  const meant = (said.files ?? []).map((file) => ofFile((path) => path === file));
  for (const text of said.texts) {
    const named = resolutions.flatMap((one, i) => (namesPatch(text, one) ? [i] : []));
    if (named.length > 0) meant.push(...named);
    else for (const path of pathsIn(text, resolutions)) meant.push(ofFile((one) => one === path));
  }
  const found = [...new Set(meant)].filter((i) => i >= 0).sort((a, b) => a - b);
  return found.length > 0 ? found : [resolutions.length - 1];
}

const namesPatch = (text: string, { subject, commit }: NamedResolution): boolean =>
  standsIn(text.toLowerCase(), subject.toLowerCase()) ||
  (text.match(/\b[0-9a-f]{7,40}\b/g) ?? []).some((name) => commit.startsWith(name));

/** What a class's own test is called. */
const TESTS = ['Test', 'Tests', 'IT', 'Spec', 'Suite'];

/** By the whole path, its last part, the name of its class where that is no word of its own, or that of its test. */
function pathsIn(text: string, resolutions: readonly NamedResolution[]): string[] {
  const all = [...new Set(resolutions.flatMap(({ paths }) => paths))];
  return all.filter((path) => {
    const file = path.split('/').at(-1) ?? '';
    const stem = file.replace(/\.[^.]*$/, '');
    const classes = stem === '' ? [] : [...(/[a-z0-9][A-Z]/.test(stem) ? [stem] : []), ...TESTS.map((of) => stem + of)];
    return [path, file, ...classes].some((name) => standsIn(text, name));
  });
}

/** Not as a part of a longer word or name. */
function standsIn(text: string, name: string): boolean {
  if (name === '') return false;
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const [before, after] = [text[at - 1] ?? ' ', text[at + name.length] ?? ' '];
    if (!/[\w-]/.test(before) && !/[\w-]/.test(after)) return true;
  }
  return false;
}

/** Changes one after the other, each under its patch's subject: a subject is one line, and no line of a difference. */
export const changesTogether = (changes: readonly { subject: string; change: string }[]): string =>
  changes
    .map(({ subject, change }) => `# Patch "${subject.replace(/[\r\n\u2028\u2029]+/g, ' ')}"\n${change.trimEnd()}\n`)
    .join('\n');
