import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandEnvironmentSettings } from '../../config/environment.ts';
import { readJsonFile, writeJsonFile } from '../../lib/json-file.ts';
import { withLock } from '../../lib/lock.ts';
import { logger } from '../../lib/log.ts';
import { redact } from '../../lib/redact.ts';
import { sha256OfFile } from '../../store/artifacts.ts';
import type { Artifact, ReadBack } from '../../workflows/types.ts';
import { type CommandContext, type CommandFacts, factsByCommand, readBackByCommand, runStep } from './command-step.ts';
import type {
  Driver,
  DriverDeps,
  InstalledBuild,
  StartPermit,
  StopOptions,
  TargetFacts,
  TargetInfo,
} from './driver.ts';
import { nodeDir } from './layout.ts';
import { isLaidOut, type Known, nodeFiles } from './node.ts';
import { isStaged, remember, stageArtifacts, stagedFile } from './staged.ts';

/** `start.json`: who let it start, and the token of that start once it was seen. */
type CommandStart = { permit: StartPermit; at: string; token?: string };

const LOOK_MS = 500;
/** For a start's token to be told: a unit that forks takes a moment to be there. */
const TOKEN_MS = 10_000;

const log = logger('deploy');

/** The targets as they are configured. Their folders hold what we know of them; nothing of theirs runs in there. */
export function plannedCommandTargets(
  dataDir: string,
  environment: string,
  { targets, cluster }: CommandEnvironmentSettings,
): TargetInfo[] {
  return targets.map(({ name, host, rack: own }) => {
    const node = cluster?.nodes.find((one) => one.name === name);
    const rack = own ?? node?.rack;
    return {
      ...{ name, host, roles: node?.roles ?? ['process'], ports: {}, dir: nodeDir(dataDir, environment, name) },
      ...(node && { nodeId: node.id }),
      ...(rack !== undefined && { rack }),
    };
  });
}

/** The driver of targets that only the user's own commands reach. */
export function createCommandDriver(
  settings: CommandEnvironmentSettings,
  infos: readonly TargetInfo[],
  deps: DriverDeps,
): Driver {
  const hands = (target: string) => handsOf(settings, infos, deps, target);
  return {
    targets: async () => [...infos],
    facts: (target) => factsOf(hands(target)),
    stage: (target, wanted) => stage(hands(target), wanted),
    stop: (target, options) => stop(hands(target), options),
    install: (target, wanted, build) => install(hands(target), wanted, build),
    start: (target, permit) => start(hands(target), permit),
    waitReady: (target, timeoutMs) => waitReady(hands(target), timeoutMs),
    readBack: (target) => readBackOf(hands(target)),
  };
}

type Hands = ReturnType<typeof handsOf>;

/** One target, its commands, and what they are run with. */
function handsOf(
  { artifacts, driver }: CommandEnvironmentSettings,
  infos: readonly TargetInfo[],
  { hostEnv, artifacts: source }: DriverDeps,
  target: string,
) {
  const info = infos.find(({ name }) => name === target);
  if (!info) throw new Error(`no target ${target}; there are ${infos.map(({ name }) => name).join(', ')}`);
  const context = (more: Partial<CommandContext['values']> = {}): CommandContext => ({
    values: { target: info.name, host: info.host, ...more },
    cwd: info.dir,
    env: { PATH: '/usr/bin:/bin', ...hostEnv },
    redact,
  });
  return { info, commands: driver, placed: artifacts, source, context };
}

const startRecord = (dir: string) => readJsonFile<CommandStart>(nodeFiles.start(dir));

/** A target that does not answer is `unknown`, with the words of the command that failed: the rules decide what follows. */
async function factsOf(hands: Hands): Promise<TargetFacts> {
  const { name, dir } = hands.info;
  if (!isLaidOut(dir)) return { name, state: 'unknown', artifacts: [], strangers: [] };
  try {
    const told = await factsByCommand(hands.commands.facts, hands.context());
    const artifacts = told.artifacts ?? (await readBackOf(hands)).artifacts;
    return {
      ...{ name, state: stateOf(told), artifacts, strangers: strangersIn(hands, artifacts) },
      ...startOf(told, startRecord(dir)),
      ...(told.exitCode !== undefined && { exitCode: told.exitCode }),
      ...(told.version !== undefined && { version: told.version }),
    };
  } catch (error) {
    return { name, state: 'unknown', artifacts: [], strangers: [(error as Error).message] };
  }
}

function stateOf({ running, ready = true }: CommandFacts): TargetFacts['state'] {
  if (!running) return 'stopped';
  return ready ? 'running' : 'starting';
}

/**
 * Which start it is: the token while it runs, the last one that we saw once it has ended. A permit speaks for the
 * start that it was written for alone: a restart by somebody else's hands has another token.
 */
function startOf({ running, restartToken }: CommandFacts, record: CommandStart | undefined) {
  const startedAt = running ? restartToken : record?.token;
  const speaks = record !== undefined && (!running || record.token === undefined || record.token === restartToken);
  return { ...(startedAt !== undefined && { startedAt }), ...(speaks && { permit: record.permit }) };
}

/** What nobody installed from here could not be put back: see `TargetFacts.strangers`. */
function strangersIn({ info, placed }: Hands, found: readonly { name: string; sha256: string }[]): string[] {
  const known = readJsonFile<Known>(nodeFiles.known(info.dir))?.digests ?? {};
  return placed.flatMap((name) => {
    const artifact = found.find((one) => one.name === name);
    if (!artifact) return [`${info.name}: readBack tells nothing of ${name}`];
    if (known[artifact.sha256]) return [];
    return [
      `${info.name}: ${name} is ${artifact.sha256}, which was never installed from here and could not be put back. Was it changed by hand? A fetch command and env up take it over as it is`,
    ];
  });
}

async function readBackOf(hands: Hands): Promise<ReadBack> {
  return readBackByCommand(hands.commands.readBack, hands.context());
}

async function stage({ info, placed, source }: Hands, wanted: readonly Artifact[]): Promise<void> {
  await stageArtifacts(info, placed, wanted, source.fetch);
}

/** A command that fails has not stopped it; its words go along, and whether it runs is asked anew. */
async function stop(hands: Hands, { kill }: StopOptions) {
  const began = Date.now();
  const { commands, context } = hands;
  let detail: string | undefined;
  const ending = kill ? commands.kill : commands.stop;
  try {
    if (ending) await runStep(kill ? 'kill' : 'stop', ending, context());
    else detail = `${hands.info.name}: there is no kill command`;
  } catch (error) {
    detail = (error as Error).message;
    log.warn({ target: hands.info.name, err: detail }, 'a stop command failed');
  }
  const { running } = await factsByCommand(commands.facts, context());
  const seconds = (Date.now() - began) / 1000;
  return { stopped: !running, killed: kill && !running, seconds, ...(running && detail !== undefined && { detail }) };
}

async function install(hands: Hands, wanted: readonly Artifact[], { version = '', commit = '' }: InstalledBuild = {}) {
  const { info, commands, context } = hands;
  await stage(hands, wanted);
  const { running } = await factsByCommand(commands.facts, context());
  if (running) throw new Error(`${info.name} runs; it is stopped before its files are replaced`);
  const before = (await readBackOf(hands)).artifacts;
  for (const artifact of wanted) {
    if (before.some((one) => one.name === artifact.name && one.sha256 === artifact.sha256)) continue;
    const { name, sha256 } = artifact;
    const file = stagedFile(info.dir, artifact);
    await runStep('install', commands.install, context({ artifact: name, file, sha256, version, commit }));
  }
  const after = (await readBackOf(hands)).artifacts;
  for (const { name, sha256 } of wanted) {
    const found = after.find((one) => one.name === name)?.sha256 ?? 'nothing';
    if (found !== sha256) throw new Error(`${info.name}: ${name} reads back as ${found} after ${sha256} was installed`);
  }
}

/** The permit is written before the start, and the token once it is told: what dies in between is found running. */
async function start({ info, commands, context }: Hands, permit: StartPermit): Promise<{ adopted: boolean }> {
  if (!isLaidOut(info.dir)) throw new Error(`${info.name} is not known yet; run: patchwright env up`);
  const ask = () => factsByCommand(commands.facts, context());
  return withLock(join(info.dir, 'permit.lock'), { purpose: `start ${info.name}`, waitMs: 60_000 }, async () => {
    const before = await ask();
    const record = startRecord(info.dir);
    if (before.running) {
      const ours = record !== undefined && record.token === undefined && samePermit(record.permit, permit);
      if (ours) keepStart(info.dir, { ...record, ...tokenOf(before) });
      return { adopted: true };
    }
    const begun: CommandStart = { permit, at: new Date().toISOString() };
    keepStart(info.dir, begun);
    await runStep('start', commands.start, context());
    const deadline = Date.now() + TOKEN_MS;
    for (;;) {
      const told = await ask();
      if (told.running) keepStart(info.dir, { ...begun, ...tokenOf(told) });
      // One that ended at once was started all the same: that it does not return is found next.
      else if (Date.now() > deadline) keepStart(info.dir, { ...begun, token: `ended at once, ${begun.at}` });
      if (told.running || Date.now() > deadline) return { adopted: false };
      await sleep(LOOK_MS);
    }
  });
}

const keepStart = (dir: string, record: CommandStart) => writeJsonFile(nodeFiles.start(dir), record);
const tokenOf = ({ restartToken }: CommandFacts) => (restartToken === undefined ? {} : { token: restartToken });
const samePermit = (a: StartPermit, b: StartPermit) => JSON.stringify(a) === JSON.stringify(b);

async function waitReady({ info, commands, context }: Hands, timeoutMs: number) {
  const began = Date.now();
  for (;;) {
    let said: string;
    try {
      const told = await factsByCommand(commands.facts, context());
      const state = stateOf(told);
      if (state === 'running') return { ready: true, detail: `${info.name} is ready` };
      said = `it is ${state}`;
      if (state === 'stopped') {
        const how = told.exitCode === undefined ? '' : ` with ${told.exitCode}`;
        return { ready: false, detail: `${info.name} ended${how}, as its facts command tells` };
      }
    } catch (error) {
      said = (error as Error).message;
    }
    if (Date.now() - began > timeoutMs) {
      return { ready: false, detail: `${info.name} is not ready: ${said}` };
    }
    await sleep(LOOK_MS);
  }
}

/**
 * For `env up`: makes the folder, and takes over what lies on a target that was never ours, so that it can be put back.
 * Changes nothing there. Safe to repeat.
 */
export async function layOutCommandTarget(
  settings: CommandEnvironmentSettings,
  infos: readonly TargetInfo[],
  deps: DriverDeps,
  target: string,
): Promise<void> {
  const hands = handsOf(settings, infos, deps, target);
  const { info, commands, placed, context } = hands;
  mkdirSync(nodeFiles.staged(info.dir), { recursive: true });
  const { artifacts } = await readBackOf(hands);
  for (const artifact of artifacts.filter(({ name }) => placed.includes(name))) {
    if (await isStaged(info.dir, artifact)) remember(info.dir, [artifact]);
    if (!commands.fetch || (await isStaged(info.dir, artifact))) continue;
    const { name: word, sha256 } = artifact;
    const file = stagedFile(info.dir, artifact);
    mkdirSync(join(file, '..'), { recursive: true });
    await runStep('fetch', commands.fetch, context({ artifact: word, file, sha256 }));
    const found = await sha256OfFile(file);
    if (found !== sha256) throw new Error(`${target}: fetch brought ${word} as ${found}, and readBack says ${sha256}`);
    remember(info.dir, [artifact]);
  }
  writeJsonFile(nodeFiles.laidOut(info.dir), { libs: {}, at: new Date().toISOString() });
}
