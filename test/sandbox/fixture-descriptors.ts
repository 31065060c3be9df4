/** A runner that was started with files open: tells which are open in it, and which inside. */
import { readdirSync, readlinkSync } from 'node:fs';
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { spawnSandboxed } from '../../activities/sandbox/run.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';

const outside = readdirSync('/proc/self/fd').flatMap((name) => {
  try {
    return `${name} -> ${readlinkSync(`/proc/self/fd/${name}`)}`;
  } catch {
    // The one that listed the folder.
    return [];
  }
});
const sandbox = await requireSandbox({ dataDir: process.argv[2] ?? '' });
await withWorkspace(sandbox, {}, async (workspace) => {
  const running = spawnSandboxed(sandbox, { command: ['ls', '-l', '/proc/self/fd'], workspace });
  let inside = '';
  running.stdout.on('data', (chunk: Buffer) => {
    inside += chunk.toString();
  });
  running.stderr.resume();
  await running.ended;
  process.stdout.write(JSON.stringify({ outside: outside.join('\n'), inside }));
});
