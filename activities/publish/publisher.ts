import type { Artifact, Digest } from '../../workflows/types.ts';
import { permanent } from '../failures.ts';

export type ToPublish = { artifact: Artifact; version: string; commit: string; release: string };

/** What is published, and where, for a person. */
export type Published = { where: string; sha256: Digest };

/** One place where artifacts are published. Nothing that is there is ever replaced by something else. */
export type Publisher = {
  /** The names of artifacts that are published there. */
  takes(names: readonly string[]): string[];
  /** Where it goes, in whatever words: the same for the same place, and another for another. */
  destination(item: ToPublish): string;
  /**
   * What is published of it, whole, or undefined. Changes nothing.
   *
   * @throws a permanent failure where something else is there under its version
   */
  find(item: ToPublish): Promise<Published | undefined>;
  /** Publishes what is not there yet, and reads it back. `file`: a verified copy on this machine. Safe to repeat. */
  publish(item: ToPublish, file: string): Promise<Published>;
};

/** @throws where what is there is not what is to be there */
export function requireSame(what: string, found: Digest, wanted: Digest): void {
  if (found === wanted) return;
  const there = `${what} is there already with another content (${found.slice(0, 12)}, not ${wanted.slice(0, 12)})`;
  throw permanent('PublishedOtherwise', `${there}: nothing was replaced. A version is published once: give it another`);
}
