import { expect } from 'vitest';
import { type makeRepository, patchMessage } from '../release/repository.ts';
import { GREETER } from './greeter.ts';
import type { Script } from './script.ts';

/** A way of being held that an agent explains and never mends. */
export type HeldCase = { at: 'cut' | 'build' | 'checks'; script: Script; told: RegExp };
type Repository = ReturnType<typeof makeRepository>;

const KIND = GREETER.replace('"hello " + name;', '"hello dear " + name;');
const GREETS = `grep -q '"hello " + name;' Greeter.java`;
const NOTE = { note: 'a file of a patch\n' };

/** Upstream moves from `first` to these files; the stack is made on `first`. */
function fork({ git, commit }: Repository, first: string, upstream: Record<string, string>, stack: () => void): void {
  git('checkout', '--quiet', '-B', 'upstream', first);
  commit(upstream, 'Upstream moves');
  git('checkout', '--quiet', '-B', 'main', first);
  stack();
}

const answer = (cause: string, quote: object): ReturnType<Script> => ({
  calls: [['answer', { cause, quotes: [quote], confidence: 'low', todo: 'A person has to look.' }]],
});

/** The same is in the base already; a check fails; the base itself does not build. */
export const HELD_CASES: [what: string, make: (repository: Repository, first: string) => void, HeldCase][] = [
  [
    'a patch that upstream already has',
    (repository, first) =>
      fork(repository, first, { 'Greeter.java': KIND }, () => {
        repository.commit({ 'Greeter.java': KIND }, patchMessage('Be kind'));
        repository.commit(NOTE, patchMessage('Add a note'));
      }),
    {
      at: 'cut',
      told: /patch "Be kind", which upstream has: the agent’s explanation \(low .*Upstream says dear too.*«return "hello dear " \+ name;»/,
      script: ({ turn, brief, instructions, outputs }) => {
        if (turn === 1) {
          expect(instructions).toMatch(
            /how upstream came to have what a patch[\s\S]*- `candidate`: the same as `base`/,
          );
          expect(brief).toMatch(/What git found[\s\S]*is already in the base; drop it from the stack/);
          expect(brief).toMatch(/the very same change\):\n= [0-9a-f]+ \S+ Upstream moves/);
          expect(brief).toMatch(/## The patch that is in the base already[\s\S]*\+ {4}return "hello dear "/);
          return { calls: [['compare', { from: 'old_base', to: 'old_patched', path: 'Greeter.java' }]] };
        }
        expect(outputs.join()).toContain('+    return "hello dear " + name;');
        const text = 'return "hello dear " + name;';
        return answer('Upstream says dear too, in the same line.', { where: 'base', file: 'Greeter.java', text });
      },
    },
  ],
  [
    'a check that no longer holds',
    (repository, first) =>
      fork(repository, first, { 'Greeter.java': KIND }, () => {
        repository.commit(NOTE, patchMessage('Add a note', `Check: ${GREETS}\n`));
      }),
    {
      at: 'checks',
      told: /the check of patch "Add a note": the agent’s explanation \(low .*looks for a line that upstream has changed/,
      script: ({ turn, brief, instructions, outputs }) => {
        if (turn === 1) {
          expect(instructions).toContain('The check itself cannot be run here: where reading cannot tell, say so');
          expect(brief).toMatch(/"Add a note" is no longer effective: its check ended with exit 1[\s\S]*shell command/);
          expect(brief).toContain(GREETS);
          expect(brief).toContain('What the check printed:\nnothing');
          return { calls: [['compare', { from: 'old_base', to: 'base', path: 'Greeter.java' }]] };
        }
        expect(outputs.join()).toMatch(/-.*"hello " \+ name;\n\+.*"hello dear " \+ name;/);
        const quote = { where: 'old_base', file: 'Greeter.java', text: 'return "hello " + name;' };
        return answer('The check looks for a line that upstream has changed meanwhile.', quote);
      },
    },
  ],
  [
    'a base that does not build',
    (repository, first) =>
      fork(repository, first, { 'Greeter.java': GREETER.replace('+ name;', '+ nam;') }, () => {
        repository.commit(NOTE, patchMessage('Add a note'));
      }),
    {
      at: 'build',
      told: /the build of the base: the agent’s explanation \(low .*Upstream itself has mistyped a name.*log «symbol: variable nam»/,
      script: ({ brief, instructions }) => {
        expect(instructions).toMatch(/why the base of a patched fork[\s\S]*say that reading cannot tell/);
        expect(brief).toMatch(/What the build of the base says[\s\S]*error: cannot find symbol/);
        expect(brief).toMatch(
          /The base that was built last is [0-9a-f]{12} \(untouched-\d+\)\. From there to this one:/,
        );
        return answer('Upstream itself has mistyped a name.', { where: 'log', text: 'symbol: variable nam' });
      },
    },
  ],
];
