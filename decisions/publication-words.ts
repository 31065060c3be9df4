import type { PublicationOutcome } from '../workflows/publication-types.ts';

type Words = { text: string; tone: 'good' | 'warn' | 'bad' };

/** The last word on a publication. The release stands, whatever became of it. */
export function publicationWords(
  { release, version }: { release: string; version: string },
  outcome: PublicationOutcome,
): Words {
  switch (outcome.kind) {
    case 'published':
      return {
        text: `${version} is published: ${outcome.where.join(', ') || 'it has nothing to publish'}`,
        tone: 'good',
      };
    case 'not':
      return { text: `${version} is not published: ${outcome.reason}`, tone: 'warn' };
    case 'failed': {
      const again = `once that is mended: npx patchwright release publish ${release}`;
      return {
        text: `${version} is not published: ${outcome.reasons.join('; ')}. The release stands; ${again}`,
        tone: 'bad',
      };
    }
  }
}

/** After how many minutes what failed is tried again; undefined: no more, a day has gone by. */
export const publishAgainMinutes = (tried: number): number | undefined => [1, 5, 15, 60, 60, 180, 360, 720][tried];
