// Runs `up` on a data folder as `patchwright up` does, with a worker of the test's own.
//   node up-fixture.ts DATA WORKER ROLE…
import { up } from '../../cli/commands/up.ts';
import { progressOnStderr } from '../../setup/progress.ts';

const [dataDir = '', workerFile = '', ...roles] = process.argv.slice(2);
try {
  process.exitCode = await up({
    dataDir,
    roles,
    workerFile,
    migrate: undefined,
    env: process.env,
    services: { fsync: false },
    progress: progressOnStderr(),
  });
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = (error as { exitStatus?: number }).exitStatus ?? 4;
}
