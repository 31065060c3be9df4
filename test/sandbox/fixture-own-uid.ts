/** The sandbox as somebody who is not root has it: what works, what is refused, what is left. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseFor, ensureBase } from '../../activities/sandbox/bases.ts';
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { runInSandbox } from '../../activities/sandbox/run.ts';
import { sweepSandboxes } from '../../activities/sandbox/sweep.ts';
import type { SandboxLimits } from '../../activities/sandbox/types.ts';
import { closeWorkspace, openWorkspace } from '../../activities/sandbox/workspaces.ts';
import { uidsOf } from './machine-state.ts';

const dir = process.argv[2] ?? '';
const dataDir = join(dir, 'data');
const sandbox = await requireSandbox({ dataDir });
await ensureBase(sandbox, 'base', async (folder) => {
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src', 'file'), 'base\n');
});
const workspace = await openWorkspace(sandbox, { base: 'base' });
const run = async (script: string, limits: Partial<SandboxLimits> = {}) => {
  const spec = { command: ['sh', '-c', script], workspace, jvmHints: false, limits: { seconds: 30, ...limits } };
  const { end, stdout, stderr } = await runInSandbox(sandbox, spec, { outputDir: join(dir, 'out') });
  return { end, stdout: readFileSync(stdout.file, 'utf8'), stderr: readFileSync(stderr.file, 'utf8') };
};
const first = await run('cat src/file; echo more >>src/file; chmod 700 src');
const again = await run('cat src/file');
const escapes = await run(
  `cat /proc/${process.pid}/environ ${dir}/data/sandbox/etc-*/passwd /etc/shadow; ls ${dir}; unshare --user echo in; mount -t tmpfs x /work && echo in; kill -9 -1 ${process.pid} && echo in; touch /usr/x && echo in`,
);
const fork =
  'for (1..500) { my $p = fork; if (!defined $p) { print "stopped: $!"; exit } if (!$p) { sleep 100; exit } }';
const processes = await run(`perl -e '${fork}'`, { processes: 40 });
const memory = await run(`perl -e 'my $all = "x" x 400_000_000; sleep 20'`, { memoryMb: 100 });
const uids = await uidsOf(sandbox, workspace);
await run('mkdir -p closed/in; chmod 0 closed/in closed');
await closeWorkspace(sandbox, workspace);
const base = await baseFor(sandbox, 'base', undefined);
process.stdout.write(
  JSON.stringify({
    ...{ who: sandbox.who.kind, overlay: sandbox.overlay, base: first.stdout, again: again.stdout },
    untouched: readFileSync(join(sandbox.root, 'bases', base, 'src', 'file'), 'utf8'),
    escapes: escapes.stdout,
    processes: processes.stdout,
    memory: memory.end.kind === 'ended-by' ? memory.end.limit : memory.end.kind,
    uids: [...new Set(uids)],
    left: readdirSync(join(sandbox.root, 'workspaces')),
    remaining: (await sweepSandboxes(dataDir)).workspaces,
  }),
);
