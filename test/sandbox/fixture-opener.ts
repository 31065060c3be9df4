/** Opens a workspace that is kept, writes into it, and ends without closing it. */
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { runInSandbox } from '../../activities/sandbox/run.ts';
import { openWorkspace } from '../../activities/sandbox/workspaces.ts';

const dataDir = process.argv[2] ?? '';
const sandbox = await requireSandbox({ dataDir });
const workspace = await openWorkspace(sandbox, { id: 'kept', keepMinutes: 10 });
const spec = { command: ['sh', '-c', 'echo from before >note'], workspace };
await runInSandbox(sandbox, spec, { outputDir: `${dataDir}/opener-out` });
process.exit(0);
