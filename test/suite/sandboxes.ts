import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireSandbox, withoutSandbox } from '../../activities/sandbox/open.ts';
import type { Sandbox, SandboxLimits } from '../../activities/sandbox/types.ts';
import { listWorkspaces } from '../../activities/sandbox/workspaces.ts';

/**
 * The real sandbox of this machine in a new data folder, which lies in one that only its owner may enter (as mktemp -d
 * makes it); and none, as an operator may choose for a fork. It fails, and does not skip, where there is no sandbox.
 */
export async function openSandboxes() {
  const dir = mkdtempSync(join(tmpdir(), 'pw-place-'));
  const dataDir = join(dir, 'data');
  const sandbox = await requireSandbox({ dataDir, install: true });
  const bare = withoutSandbox({ dataDir, reason: 'a test of suites without one' });
  return {
    dataDir,
    sandboxed: sandbox as Sandbox,
    bare: bare as Sandbox,
    /** With the limits of a fork. */
    limited: (kind: 'sandboxed' | 'bare', limits: Partial<SandboxLimits>): Sandbox => ({
      ...(kind === 'bare' ? bare : sandbox),
      settings: { limits, readOnly: [], path: [] },
    }),
    /** Workspaces that somebody still has. */
    open: () => listWorkspaces(sandbox).map(({ id }) => id),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export type Sandboxes = Awaited<ReturnType<typeof openSandboxes>>;
