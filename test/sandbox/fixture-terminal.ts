/** A runner with a controlling terminal (`script` gives it one): the inside tries to type into it. */
import { closeSync, openSync } from 'node:fs';
import { requireSandbox } from '../../activities/sandbox/open.ts';
import { spawnSandboxed } from '../../activities/sandbox/run.ts';
import { withWorkspace } from '../../activities/sandbox/workspaces.ts';

closeSync(openSync('/dev/tty', 'r+'));
process.stdout.write('runner: has a terminal\n');
const sandbox = await requireSandbox({ dataDir: process.argv[2] ?? '' });
const attack =
  '$| = 1; print "inside: ", open(my $t, "+<", "/dev/tty") ? "in" : "open no: $!", "\\n";' +
  'for my $f (*STDIN, *STDOUT, *STDERR) { print "inside: ", ioctl($f, 0x5412, my $x = "x") ? "in" : "no: $!", "\\n" }';
await withWorkspace(sandbox, {}, async (workspace) => {
  const running = spawnSandboxed(sandbox, { command: ['perl', '-e', attack], workspace });
  running.stdout.on('data', (chunk: Buffer) => process.stdout.write(chunk));
  running.stderr.resume();
  await running.ended;
});
