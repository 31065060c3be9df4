// Whoever asks for the report and for the progress of a suite run: `read.ts DATABASE-URL RELEASE`. Prints what it cost.
import { suitesOf } from '../../report/suites.ts';
import { openDatabase } from '../../store/database.ts';
import { suiteFacts } from '../../store/suite-progress.ts';

const [, , url = '', release = ''] = process.argv;
const db = openDatabase(url, { connections: 2 });
const timed = async <T>(work: () => Promise<T>): Promise<[T, number]> => {
  const begun = performance.now();
  return [await work(), Math.round(performance.now() - begun)];
};
const [suites, reportMs] = await timed(() => suitesOf(db, release, 1));
const [, progressMs] = await timed(() => suiteFacts(db, `${release}/1/scale`));
await db.destroy();
const peakMib = Math.round(process.resourceUsage().maxRSS / 1024);
process.stdout.write(JSON.stringify({ reportMs, progressMs, peakMib, suite: suites[0] }));
