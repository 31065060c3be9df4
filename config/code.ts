import type { ForkSettings, Settings } from './schema.ts';

/** No fork's name has a dot: a repository of `support.repositories` is told from a fork by it. */
const REPOSITORY = 'repo.';

export const codeName = (repository: string) => `${REPOSITORY}${repository}`;

/** Every place that an agent may read: repositories and forks, by the names that `codeOf` knows. */
export const codeNames = ({ forks, support }: Pick<Settings, 'forks' | 'support'>): string[] => [
  ...Object.keys(support.repositories).map(codeName),
  ...Object.keys(forks),
];

/** The repository of `support.repositories` that a place is; undefined where it is a fork. */
export const repositoryOf = (place: string): string | undefined =>
  place.startsWith(REPOSITORY) ? place.slice(REPOSITORY.length) : undefined;

const SEEN = ['PATH', 'HOME', 'LANG', 'JAVA_HOME', 'TMPDIR'];

/** A fork, or a repository as if it were one without builds, suites and releases. */
export function codeOf(
  { forks, support }: Pick<Settings, 'forks' | 'support'>,
  name: string,
): ForkSettings | undefined {
  const own = repositoryOf(name);
  if (own === undefined) return forks[name];
  const found = support.repositories[own];
  if (found === undefined) return undefined;
  const { repository, branch, check = ['sh'], proposals, sandbox, sandboxReason } = found;
  return {
    ...{ repository, branch, base: branch, version: '{commit}', sandbox, sandboxReason, suites: {} },
    build: { command: check, artifacts: [], toolchain: [], environment: SEEN, timeoutMinutes: 15 },
    repair: { policy: 'off', attempts: 1, proveWhole: false },
    agent: { skills: [], proposals },
    release: {
      ...{ suites: [], environments: [], oneWay: [], waivable: [], rerunSeconds: 0 },
      rehearsal: { when: 'never', nodes: 1, timeoutMinutes: 1 },
    },
  };
}
