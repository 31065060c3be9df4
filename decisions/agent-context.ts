import type { Patch } from '../workflows/types.ts';

/** A rough measure: code and English have about this many characters a token, and more is safer than less. */
const CHARACTERS_A_TOKEN = 3;
/** Outputs of the last turns are left whole, whatever their size. */
const LEFT_WHOLE = 4;
/** About what stands in the place of one. */
const LEFT_OUT_CHARACTERS = 100;

/** Of one item of a transcript: its characters, and whether it is what a tool answered. */
export type ItemSize = { characters: number; isOutput: boolean };

/**
 * What of a transcript is not sent to the model: nothing where all of it fits, else the text of the oldest tool outputs,
 * which stay in the store and can be read again. Instructions, its own words and its calls are never left out.
 *
 * @returns the places of those outputs.
 */
export function leftOut(items: readonly ItemSize[], contextTokens: number): Set<number> {
  const most = contextTokens * CHARACTERS_A_TOKEN * 0.8;
  let size = items.reduce((sum, { characters }) => sum + characters, 0);
  const outputs = items.flatMap(({ isOutput }, i) => (isOutput ? [i] : []));
  const old = new Set<number>();
  for (const i of outputs.slice(0, -LEFT_WHOLE)) {
    if (size <= most) break;
    size -= (items[i]?.characters ?? 0) - LEFT_OUT_CHARACTERS;
    old.add(i);
  }
  return old;
}

/**
 * What an agent is given before it asks for anything, in six layers (design.md, *Agents*), each with what it may take in
 * characters: one that has much to say does not push out another. The rest is read with the tools.
 */
export const LAYERS = {
  changed: { title: 'What changed, its tests and past releases', budget: 8_000 },
  annotations: { title: 'Owners, house rules and the patches', budget: 10_000 },
  outline: { title: 'Outline of the code that changed', budget: 12_000 },
  runbooks: { title: 'Runbooks', budget: 3_000 },
  memory: { title: 'Memory', budget: 3_000 },
  status: { title: 'What runs now', budget: 4_000 },
} as const;

export type LayerName = keyof typeof LAYERS;

/** Patches that what is looked at may be due to, and what to say of each in the list. */
export type Suspects = { commits: readonly string[]; words: string };

type Listed = Pick<Patch, 'commit' | 'subject' | 'author' | 'reason' | 'upstreamStatus' | 'dropWhen' | 'check'>;

/**
 * The patch stack, oldest first. Where some are suspected (they are given in full beside this) each has one line, and
 * the suspected ones a mark; where all are, each has its trailers.
 */
export function stackLines(patches: readonly Listed[], suspects?: Suspects): string[] {
  return patches.map((patch, i) => {
    const { commit, subject, author, reason, upstreamStatus, dropWhen, check } = patch;
    const name = `${i + 1}. ${commit.slice(0, 12)} ${flat(subject, 200)}`;
    if (suspects !== undefined) {
      const mark = suspects.commits.includes(commit) ? `  <- ${suspects.words}` : '';
      return `${name}: ${flat(reason, 160)}${mark}`;
    }
    const trailers = [
      `Upstream-Status: ${upstreamStatus}`,
      `Drop-When: ${dropWhen}`,
      ...(check ? [`Check: ${check}`] : []),
    ];
    return `${name} (${flat(author, 100)})\n   Reason: ${flat(reason, 400)}; ${flat(trailers.join('; '), 400)}`;
  });
}

const flat = (text: string, most: number) => {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1).toWellFormed()}…`;
};

/** What was given of a layer, of how much: the record that `agent show` prints. */
export type GivenLayer = { layer: LayerName; title: string; characters: number; of: number; budget: number };

/**
 * Cuts every layer to its budget, at the end of a line, and says so to the reader. In the order of LAYERS. `titles`: where
 * a layer holds something else than of a release.
 */
export function fitLayers(
  texts: Record<LayerName, string>,
  titles: Partial<Record<LayerName, string>> = {},
): { text: string; given: GivenLayer[] } {
  const fitted = (Object.keys(LAYERS) as LayerName[]).map((layer) => {
    const { budget } = LAYERS[layer];
    const title = titles[layer] ?? LAYERS[layer].title;
    const whole = texts[layer].trim();
    const kept = whole.length <= budget ? whole : cutAtLine(whole, budget);
    const rest = whole.length - kept.length;
    const note = rest === 0 ? '' : `\n… ${rest} of ${whole.length} characters left out; the tools have them`;
    return {
      text: `## ${title}\n${kept}${note}`,
      given: { layer, title, characters: kept.length, of: whole.length, budget },
    };
  });
  return { text: fitted.map(({ text }) => text).join('\n\n'), given: fitted.map(({ given }) => given) };
}

function cutAtLine(text: string, most: number): string {
  const head = text.slice(0, most);
  const end = head.lastIndexOf('\n');
  return (end > most / 2 ? head.slice(0, end) : head).toWellFormed();
}
