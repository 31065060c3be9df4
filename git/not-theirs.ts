import { existsSync, realpathSync } from 'node:fs';

/** `activities/sandbox/workspaces.ts`: `<data>/sandbox/workspaces/<id>/…`, and what is about to be removed. */
const WRITTEN_BY_OTHERS = /\/sandbox\/(workspaces|trash)(\/|$)/;

/**
 * Every git of ours asks this first: in a folder that sandboxed code wrote, git would run what that code left there
 * (hooks, fsmonitor, filters, a replaced `.git`, a nested repository), outside and as us.
 *
 * @throws where one of the paths is in a workspace, also by a link.
 */
export function refuseWorkspaces(...paths: readonly string[]): void {
  for (const path of paths) {
    const real = existsSync(path) ? realpathSync(path) : path;
    if (WRITTEN_BY_OTHERS.test(real)) {
      throw new Error(`our git does not run in ${path}: a fork's program wrote it. Take files out with takeFiles`);
    }
  }
}
