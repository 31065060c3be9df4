/** A fork with its environments, on which chaos is let loose. */
export type Ground = {
  fork: string;
  system: 'process' | 'kafka';
  /** In the order of the roll-outs. */
  environments: readonly string[];
  /** Between two kills, on average: several of them meet one release. */
  meanGapMs: number;
  /** `patchwright.yaml`. */
  yaml: (folder: string, slack: SlackPlace) => string;
  repository: (folder: string) => string;
  /** Makes the repository with a first patch. */
  prepare: (folder: string, say: (line: string) => void) => Promise<void>;
  /** Puts one more patch on the branch: the `n`th of this run. */
  push: (folder: string, n: number) => Promise<void>;
};

export type SlackPlace = { url: string; channel: string; tokenFile: string };
