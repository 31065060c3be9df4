/** Holds a sandbox and waits to be killed. Prints the process inside that no longer has a terminal, parent or group in common. */
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { processTree } from '../../activities/sandbox/process-tree.ts';
import { spawnSandboxed } from '../../activities/sandbox/run.ts';
import { openWorkspace } from '../../activities/sandbox/workspaces.ts';

const sandbox = await requireSandbox({ dataDir: process.argv[2] ?? '' });
const workspace = await openWorkspace(sandbox);
const script = '(setsid sleep 1000 </dev/null >/dev/null 2>&1 &) ; echo up; sleep 1000';
const running = spawnSandboxed(sandbox, { command: ['sh', '-c', script], workspace });
running.stdout.once('data', () => {
  const pid = processTree(running.pid).at(-1);
  process.stdout.write(`${JSON.stringify({ pid, dir: workspace.dir })}\n`);
});
