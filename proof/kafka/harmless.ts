import { shuffled } from '../../lib/random.ts';
import type { ProofPatch } from './fork.ts';

/** Where an added method can neither be inherited by, nor collide with, anything: ordinary classes of these packages. */
const PLACES = /^org\/apache\/kafka\/(clients|common)\/(?!message\/|protocol\/)/;

/**
 * Patches that change class files and nothing that they do: each adds a private method that nobody calls to another
 * class. `avoid`: files that another patch of the stack writes.
 */
export function harmlessPatches(
  sources: ReadonlyMap<string, string>,
  random: () => number,
  { count, avoid }: { count: number; avoid: ReadonlySet<string> },
): ProofPatch[] {
  const places = shuffled(
    [...sources].filter(([path, text]) => PLACES.test(path) && !avoid.has(path) && isOrdinary(path, text)),
    random,
  );
  return places.slice(0, count).map(([path, text], index) => {
    const end = text.lastIndexOf('}');
    const method = `\n    private static int proofOfNothing${index}() {\n        return ${Math.floor(random() * 1e6)};\n    }\n`;
    return {
      subject: `Add nothing of use to ${nameOf(path)}`,
      files: { [path]: text.slice(0, end) + method + text.slice(end) },
    };
  });
}

/** One top-level class and no other type beside it, so that the last brace of the file is its end. */
function isOrdinary(path: string, text: string): boolean {
  const types = text.match(/^(?:public |final |abstract )*(?:class|interface|enum|@interface) \w+/gm) ?? [];
  return (
    types.length === 1 &&
    new RegExp(`class ${nameOf(path)}\\b`).test(types[0] ?? '') &&
    !/^import (?:static )?(?:com\.|org\.(?!apache|slf4j))/m.test(text)
  );
}

export const nameOf = (path: string) => path.replace(/^.*\//, '').replace(/\.java$/, '');
