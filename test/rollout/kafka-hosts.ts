import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { kafkaProgram } from '../../activities/deploy/kafka-node.ts';
import { provision } from '../../activities/deploy/provision.ts';
import { CLIENTS_JAR, smallKafkaDeps, smallKafkaSettings } from '../environment/small-kafka.ts';

/**
 * Hosts of the test's own with a Kafka node each, reached by commands alone: `node ctl.mjs ACTION NODE …`. They know
 * nothing of Patchwright; `broken` in a node's folder makes every command fail, as a lost host does. `done` holds what
 * was done, in its order.
 */
const CTL = `
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, copyFileSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
const [action, name, file] = process.argv.slice(2);
const { dir, command, args, env, jar, jolokia } = JSON.parse(readFileSync(join(import.meta.dirname, 'hosts.json'), 'utf8'))[name];
const state = join(dir, 'state.json');
const read = () => (existsSync(state) ? JSON.parse(readFileSync(state, 'utf8')) : undefined);
const alive = (pid) => {
  try {
    return !readFileSync('/proc/' + pid + '/stat', 'utf8').includes(') Z ');
  } catch {
    return false;
  }
};
const running = () => read() !== undefined && alive(read().pid);
const artifacts = () => [{ name: 'kafka-clients.jar', sha256: createHash('sha256').update(readFileSync(jar)).digest('hex') }];
const commit = async () => {
  const body = JSON.stringify({ type: 'read', mbean: 'kafka.server:type=app-info', attribute: 'commit-id' });
  try {
    const answer = await fetch(jolokia, { method: 'POST', body, signal: AbortSignal.timeout(3000) });
    return (await answer.json()).value;
  } catch {
    return undefined;
  }
};
const end = async (signal) => {
  if (running()) process.kill(read().pid, signal);
  for (let i = 0; running() && i < 900; i++) await sleep(100);
  if (running()) process.exit(5);
};
if (existsSync(join(dir, 'broken'))) {
  console.error('no route to host');
  process.exit(255);
}
if (['stop', 'install', 'start', 'kill'].includes(action)) appendFileSync(join(import.meta.dirname, 'done'), action + ' ' + name + '\\n');
switch (action) {
  case 'stop':
    await end('SIGTERM');
    break;
  case 'kill':
    await end('SIGKILL');
    break;
  case 'install':
    // Nodes are linked to one library: what is written over would change in all of them.
    rmSync(jar, { force: true });
    copyFileSync(file, jar);
    break;
  case 'fetch':
    copyFileSync(jar, file);
    break;
  case 'start': {
    if (running()) break;
    const out = openSync(join(dir, 'out.log'), 'a');
    const child = spawn(command, args, { cwd: dir, env, detached: true, stdio: ['ignore', out, out] });
    writeFileSync(state, JSON.stringify({ pid: child.pid, token: child.pid + '-' + Date.now() }));
    child.unref();
    break;
  }
  case 'readBack':
    console.log(JSON.stringify({ artifacts: artifacts(), commit: running() ? ((await commit()) ?? '') : '' }));
    break;
  case 'facts': {
    const up = running();
    const told = up ? await commit() : undefined;
    console.log(JSON.stringify({ running: up, artifacts: artifacts(), ...(up && { ready: typeof told === 'string', restartToken: read().token }) }));
    break;
  }
}
`;

export type KafkaHosts = Awaited<ReturnType<typeof startKafkaHosts>>;

/** Three combined nodes, laid out and started; `agents`: which of them somebody may read by Jolokia. */
export async function startKafkaHosts(agents: readonly string[]) {
  const deps = await smallKafkaDeps();
  const settings = smallKafkaSettings();
  const { targets } = await laidOut(() => provision('theirs', settings, deps, []));
  const hosts = targets.map((target) => {
    const { command, args, env } = kafkaProgram(settings, target, deps.hostEnv);
    const jolokia = `http://${target.host}:${target.ports.jolokia}/jolokia/`;
    const jar = join(target.dir, 'libs', CLIENTS_JAR);
    return [target.name, { dir: target.dir, command, args, env, jar, jolokia }] as const;
  });
  writeFileSync(join(deps.root, 'hosts.json'), JSON.stringify(Object.fromEntries(hosts)));
  const ctlFile = join(deps.root, 'ctl.mjs');
  writeFileSync(ctlFile, CTL);
  const ctl = (action: string, name: string) => execFileSync(process.execPath, [ctlFile, action, name]).toString();
  for (const { name } of targets) ctl('start', name);
  for (const { name } of targets) while (!JSON.parse(ctl('facts', name)).ready) await sleep(200);
  const command = (action: string, ...more: string[]) => ({
    run: [process.execPath, ctlFile, action, '{target}', ...more],
    timeoutSeconds: 120,
  });
  return {
    deps,
    targets,
    done: () => readFileSync(join(deps.root, 'done'), 'utf8').trim().split('\n'),
    folder: (name: string) => targets.find((target) => target.name === name)!.dir,
    ctl,
    /** As an environment names its commands, and `clusters` the cluster. */
    driver: {
      kind: 'command',
      ...{ stop: command('stop'), kill: command('kill'), start: command('start') },
      ...{ install: command('install', '{file}'), fetch: command('fetch', '{file}') },
      ...{ readBack: command('readBack'), facts: command('facts') },
    },
    cluster: {
      bootstrap: targets.map(({ host, ports }) => `${host}:${ports.broker}`),
      nodes: targets.map(({ name, nodeId, roles, host, ports }) => ({
        ...{ name, id: nodeId, roles },
        ...(agents.includes(name) && { jolokia: `${host}:${ports.jolokia}` }),
      })),
    },
    stop() {
      for (const { name } of targets) ctl('kill', name);
    },
  };
}

/** What formats a node's storage has a minute, which three JVMs at once may need on a busy machine. Safe to repeat. */
async function laidOut<T>(layOut: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await layOut();
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}
