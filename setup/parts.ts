import { sandboxPart } from '../activities/sandbox/part.ts';
import { ExitError } from '../lib/exit-error.ts';
import { findLibrary, type LibrarySpec, resolveLibrary } from './libraries.ts';
import { type Machine, onPath } from './machine.ts';
import type { Finding, Part } from './part.ts';
import { findPostgres } from './postgres.ts';
import { runToEnd } from './run.ts';
import { ensureTemporal, findTemporal, TEMPORAL_VERSION } from './temporal.ts';
import { toolParts } from './tools.ts';

/** What the user's own servers replace. */
export interface External {
  temporalAddress?: string | undefined;
  databaseUrl?: string | undefined;
}

const NODE = 24;

/**
 * Every part of Patchwright on this machine, in the order in which they are needed. `sandboxed`: some fork runs in
 * the sandbox; without a configuration that is so.
 */
export function allParts(machine: Machine, external: External = {}, { sandboxed = true } = {}): Part[] {
  return [
    nodePart(),
    ...toolParts(machine),
    temporalPart(machine, external.temporalAddress),
    postgresPart(external.databaseUrl),
    goPart(machine, external.temporalAddress),
    { ...sandboxPart(machine), required: sandboxed },
  ];
}

function nodePart(): Part {
  const probe = async (): Promise<Finding> =>
    Number(process.versions.node.split('.')[0]) >= NODE
      ? { kind: 'found', version: process.versions.node, where: process.execPath }
      : { kind: 'missing', why: `this is ${process.version}`, get: 'npm ci', byItself: true };
  return { name: 'Node', neededBy: 'everything', required: true, probe, ensure: () => require(probe, 'Node 24') };
}

function temporalPart(machine: Machine, address: string | undefined): Part {
  return {
    name: 'Temporal server',
    neededBy: 'every release and ticket',
    required: true,
    probe: async () => {
      if (address) return { kind: 'found', version: 'your own', where: address };
      const found = await findTemporal(machine);
      if (!('missing' in found)) return { kind: 'found', version: found.version, where: found.path };
      return {
        kind: 'missing',
        why: `no temporal ${TEMPORAL_VERSION} on the PATH or in the cache`,
        get: 'patchwright doctor --fix (downloads it, or builds it with Go ≥ 1.21), or set TEMPORAL_ADDRESS',
        byItself: true,
      };
    },
    ensure: async (progress) => {
      if (!address) await ensureTemporal(machine, progress);
    },
  };
}

function postgresPart(databaseUrl: string | undefined): Part {
  const probe = async (): Promise<Finding> => {
    // The URL may hold a password.
    if (databaseUrl) return { kind: 'found', version: 'your own', where: 'DATABASE_URL' };
    const found = findPostgres();
    if (found) return { kind: 'found', version: found.version, where: found.postgres };
    const why = `no package for ${process.platform}-${process.arch} is installed`;
    return { kind: 'missing', why, get: 'npm ci, or set DATABASE_URL', byItself: false };
  };
  return {
    name: 'PostgreSQL',
    neededBy: 'everything that is remembered',
    required: true,
    probe,
    ensure: () => require(probe, 'PostgreSQL'),
  };
}

/** Only the last of the ways to a Temporal server needs it. */
function goPart(machine: Machine, address: string | undefined): Part {
  const probe = async (): Promise<Finding> => {
    const go = onPath(machine, 'go');
    if (go === undefined) {
      return { kind: 'missing', why: 'not found', get: 'https://go.dev/dl (Go ≥ 1.21)', byItself: false };
    }
    const { output } = await runToEnd(go, ['version'], { cwd: '/', env: machine.env, what: 'ask Go', mayFail: true });
    return { kind: 'found', version: /go(\d[\d.]*)/.exec(output)?.[1] ?? 'unknown', where: go };
  };
  const use = 'building the Temporal server, where it cannot be downloaded';
  const neededBy = address ? `${use} (not here: TEMPORAL_ADDRESS is set)` : use;
  return { name: 'Go', neededBy, required: false, probe, ensure: async () => undefined };
}

/** The libraries of a configuration, by name. Maven fetches what is missing. */
export function libraryParts(libraries: Readonly<Record<string, LibrarySpec>>, machine: Machine): Part[] {
  return Object.entries(libraries).map(([name, spec]) => ({
    name: `library ${name}`,
    neededBy: 'the environments and suites that name it',
    required: true,
    probe: async () => {
      const found = findLibrary(spec, machine);
      if (found) return { kind: 'found', version: `${found.jars.length} jars`, where: found.dir };
      return { kind: 'missing', why: 'not fetched yet', get: 'patchwright doctor --fix', byItself: true };
    },
    ensure: async (progress) => {
      await resolveLibrary(spec, machine, progress);
    },
  }));
}

async function require(probe: () => Promise<Finding>, name: string): Promise<void> {
  const finding = await probe();
  if (finding.kind === 'missing') throw new ExitError(3, `${name}: ${finding.why}. Get it: ${finding.get}`);
}
