// The real slot runner, but for what runs a unit: each writes a report of its own, which is read as any other's.
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readReport } from '../../runner/junit-xml-reports.ts';
import type { Executor, RunnerSpec, TestEnd } from '../../runner/protocol.ts';
import { runSlot } from '../../runner/slot.ts';
import { reportOf } from './report-file.ts';

const dir = process.argv[2] ?? '';

function createScripted({ env }: RunnerSpec): Executor {
  const folder = join(dir, 'reports');
  mkdirSync(folder, { recursive: true });
  let count = 0;
  return {
    async run({ unit, test }, sink) {
      const file = join(folder, `TEST-${++count}.xml`);
      writeFileSync(file, reportOf(unit, Number(env.REPORT_BYTES)));
      const tests: TestEnd[] = [];
      await readReport(createReadStream(file), (end) => tests.push(end));
      rmSync(file);
      for (const end of tests) if (test === undefined || test === unit || test === end.test) sink.test(end);
      if (tests.some(({ status }) => status === 'failed')) sink.output(`what ${unit} printed before it failed\n`);
      return { ended: 'completed', complete: true };
    },
    close: async () => undefined,
  };
}

await runSlot(dir, createScripted);
