import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ExitError } from '../../lib/exit-error.ts';
import { logger } from '../../lib/log.ts';
import { run } from '../../lib/run.ts';
import { ensureBubblewrap, findBubblewrap } from '../../setup/bubblewrap.ts';
import { type Machine, onPath, thisMachine } from '../../setup/machine.ts';
import { type Progress, silent } from '../../setup/progress.ts';
import { ensureBase } from './bases.ts';
import { ensureEtc } from './etc.ts';
import { enterableFolder } from './folders.ts';
import { explainRefusal, type RefusalFacts } from './refusal.ts';
import { runInSandbox } from './run.ts';
import type { Sandbox, SandboxEnd, SandboxNone, SandboxOn, SandboxRefused, Tools, UidRange, Who } from './types.ts';
import { UID_RANGE } from './uids.ts';
import { withWorkspace } from './workspaces.ts';

export interface OpenOptions {
  /** The worker's data folder; the sandbox has `<dataDir>/sandbox`. */
  dataDir: string;
  /** Fetches bubblewrap where it is missing and can be had; otherwise that is a refusal. */
  install?: boolean;
  progress?: Progress;
  machine?: Machine;
}

const TRIAL_LIMITS = { seconds: 20, memoryMb: 512, tmpMb: 16 };

/**
 * Looks for the sandbox by running it: once as every command runs, once with an overlay, and as root once
 * with a folder that only root may enter. What does not work of the last two is done without (copies
 * instead of overlays; a message where such a folder would have to be shown).
 *
 * Changes nothing outside `<dataDir>/sandbox`, unless `install`. A refusal says what mends it.
 */
export async function openSandbox(options: OpenOptions): Promise<SandboxOn | SandboxRefused> {
  const machine = options.machine ?? thisMachine();
  const found = await findTools(machine, options);
  if ('missing' in found) return refuse({ missingPrograms: found.missing, output: '' });
  const who = whoRuns();
  if (who.kind === 'range' && !uidsMapped(who)) return refuse({ missingPrograms: [], output: '' });
  const root = resolve(options.dataDir, 'sandbox');
  prepareRoot(root);
  const [etc, staging] = [await ensureEtc(root), await mayStage(found, who)];
  const plain: SandboxOn = { kind: 'on', root, etc, tools: found, who, staging, overlay: false };
  const first = await tryEmpty(plain);
  if (first.end.kind !== 'exited' || first.end.exitCode !== 0)
    return refuse({ missingPrograms: [], output: first.output });
  const sandbox = { ...plain, overlay: await mayOverlay({ ...plain, overlay: true }) };
  logger('sandbox').info(
    { who: who.kind, staging: sandbox.staging, overlay: sandbox.overlay },
    'the sandbox runs here',
  );
  return sandbox;
}

/**
 * As `openSandbox`, but a refusal is an error for the user: exit status 3, the reason, and what
 * mends it. What needs a sandbox calls this one, so that it does not run without.
 */
export async function requireSandbox(options: OpenOptions): Promise<SandboxOn> {
  const sandbox = await openSandbox(options);
  if (sandbox.kind === 'on') return sandbox;
  throw new ExitError(3, refusalText(sandbox));
}

/** The same words in the error, in `doctor` and in a report. */
export function refusalText({ reason, mend }: SandboxRefused): string {
  return `there is no sandbox on this machine, and nothing of a fork runs without: ${reason}. Mend it: ${mend}`;
}

/**
 * The operator's exception for one fork: commands run as we do, with our environment's allowed part
 * and our limits, and nothing else around them.
 */
export function withoutSandbox({ dataDir, reason }: { dataDir: string; reason: string }): SandboxNone {
  if (reason.trim() === '') throw new Error('`sandbox: none` needs a reason');
  const root = resolve(dataDir, 'sandbox');
  prepareRoot(root);
  return { kind: 'none', root, reason };
}

/** What a report says of it (`candidates[].sandbox`). */
export function sandboxInReport(sandbox: Sandbox): 'on' | { off: string } {
  return sandbox.kind === 'on' ? 'on' : { off: sandbox.reason };
}

function prepareRoot(root: string): void {
  for (const name of ['', 'bases', 'workspaces']) enterableFolder(join(root, name));
}

function whoRuns(): Who {
  const [uid = 0, gid = 0] = [process.getuid?.(), process.getgid?.()];
  return uid === 0 ? UID_RANGE : { kind: 'own', uid, gid };
}

/** user_namespaces(7): lines of first uid inside, first outside, how many. */
function uidsMapped({ first, count }: UidRange): boolean {
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
  return map.some((line) => {
    const [inside = 0, , length = 0] = line.trim().split(/\s+/).map(Number);
    return inside <= first && inside + length >= first + count;
  });
}

async function findTools(machine: Machine, options: OpenOptions): Promise<Tools | { missing: string[] }> {
  if (process.platform !== 'linux') return { missing: ['bwrap'] };
  const bwrap = await findOrInstall(machine, options);
  // Without the caller's PATH: root's path may name folders that others can write.
  const system: Machine = { ...machine, env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } };
  const find = (name: string) => onPath(system, name) ?? `missing ${name}`;
  const tools = {
    ...{ bwrap: bwrap ?? 'missing bwrap', setpriv: find('setpriv'), prlimit: find('prlimit') },
    ...{ unshare: find('unshare'), mount: find('mount'), sh: find('sh') },
  };
  const missing = Object.values(tools).flatMap((path) => (path.startsWith('missing ') ? [path.slice(8)] : []));
  return missing.length > 0 ? { missing } : tools;
}

async function findOrInstall(
  machine: Machine,
  { install = false, progress = silent }: OpenOptions,
): Promise<string | undefined> {
  const found = await findBubblewrap(machine);
  if (!('missing' in found)) return found.path;
  if (!install) return undefined;
  try {
    return (await ensureBubblewrap(machine, progress)).path;
  } catch (error) {
    progress('bubblewrap', (error as Error).message);
    return undefined;
  }
}

async function tryEmpty(sandbox: SandboxOn): Promise<{ end: SandboxEnd; output: string }> {
  return withWorkspace(sandbox, {}, (workspace) => trial(sandbox, workspace));
}

async function trial(
  sandbox: SandboxOn,
  workspace: Parameters<typeof runInSandbox>[1]['workspace'],
  command = ['true'],
) {
  const outputDir = await mkdtemp(join(tmpdir(), 'patchwright-trial-'));
  try {
    const result = await runInSandbox(sandbox, { command, workspace, limits: TRIAL_LIMITS }, { outputDir });
    const reason = result.end.kind === 'not-started' ? result.end.reason : '';
    return { end: result.end, output: `${reason}\n${readFileSync(result.stderr.file, 'utf8')}` };
  } finally {
    rmSync(outputDir, { recursive: true });
  }
}

/** Root of a container often may not mount. */
async function mayStage({ unshare, mount, sh }: Tools, who: Who): Promise<boolean> {
  if (who.kind === 'own') return false;
  const script = `${mount} -n -i -t tmpfs stage /mnt`;
  const { exitCode } = await run(unshare, ['--mount', '--', sh, '-c', script], { cwd: '/', env: {} });
  return exitCode === 0;
}

/** Not on a file system that is itself an overlay (a container's), nor on kernels before 5.11. */
async function mayOverlay(sandbox: SandboxOn): Promise<boolean> {
  await ensureBase(sandbox, 'trial', async (dir) => writeFileSync(join(dir, 'file'), 'base\n'));
  const { end, output } = await withWorkspace(sandbox, { base: 'trial' }, (workspace) =>
    trial(sandbox, workspace, ['sh', '-c', 'echo more >>file && rm file']),
  );
  if (end.kind === 'exited' && end.exitCode === 0) return true;
  logger('sandbox').info({ output: output.trim().slice(-300) }, 'no overlays here: workspaces are copies');
  return false;
}

async function refuse(tried: { missingPrograms: string[]; output: string }): Promise<SandboxRefused> {
  return { kind: 'refused', ...explainRefusal({ ...gatherFacts(), ...tried }) };
}

function gatherFacts(): Omit<RefusalFacts, 'missingPrograms' | 'output'> {
  const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined);
  const most = read('/proc/sys/user/max_user_namespaces');
  const cgroup = read('/proc/1/cgroup') ?? '';
  return {
    platform: process.platform,
    root: process.getuid?.() === 0,
    container:
      existsSync('/.dockerenv') || existsSync('/run/.containerenv') || /docker|kubepods|containerd|libpod/.test(cgroup),
    seccomp: /^Seccomp:\t2$/m.test(read('/proc/self/status') ?? ''),
    uidsMapped: uidsMapped(UID_RANGE),
    userNamespaces: existsSync('/proc/self/ns/user'),
    apparmorRestricts: read('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1',
    userNamespaceClone: read('/proc/sys/kernel/unprivileged_userns_clone'),
    mostUserNamespaces: most === undefined ? undefined : Number(most),
  };
}
