import { cacheDir } from '../../config/env.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { canFetchBubblewrap, ensureBubblewrap, findBubblewrap } from '../../setup/bubblewrap.ts';
import type { Machine } from '../../setup/machine.ts';
import type { Finding, Part } from '../../setup/part.ts';
import { openSandbox } from './open.ts';

export const SANDBOX_PART = 'sandbox';

/**
 * The sandbox among the parts of this machine: found means that it was run. `dataDir`: where workspaces will
 * be, since what a file system can do differs; by default the cache folder.
 */
export function sandboxPart(machine: Machine, dataDir: string = cacheDir()): Part {
  const probe = async (): Promise<Finding> => {
    const bubblewrap = await findBubblewrap(machine);
    const sandbox = await openSandbox({ dataDir, machine });
    if (sandbox.kind === 'on' && !('missing' in bubblewrap)) {
      const who =
        sandbox.who.kind === 'range'
          ? `uids ${sandbox.who.first}–${sandbox.who.first + sandbox.who.count - 1}`
          : 'own uid';
      const workspaces = sandbox.overlay ? 'overlay' : 'copies';
      return {
        kind: 'found',
        version: bubblewrap.version,
        where: `${bubblewrap.path} (${who}; workspaces: ${workspaces})`,
      };
    }
    const { reason, mend } = sandbox as Exclude<typeof sandbox, { kind: 'on' }>;
    return {
      kind: 'missing',
      why: reason,
      get: mend,
      byItself: 'missing' in bubblewrap && canFetchBubblewrap(machine),
    };
  };
  return {
    name: SANDBOX_PART,
    neededBy:
      'builds, suites, checks and agents: they run in it, or not at all (`sandbox: none` with a reason lifts that for one fork)',
    required: true,
    probe,
    ensure: async (progress) => {
      await ensureBubblewrap(machine, progress);
      const finding = await probe();
      if (finding.kind === 'missing') throw new ExitError(3, `sandbox: ${finding.why}. Mend it: ${finding.get}`);
    },
  };
}
