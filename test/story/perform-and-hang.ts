import { appendFileSync } from 'node:fs';
import { openDatabase } from '../../store/database.ts';
import { runEffect } from '../../store/journal.ts';

// Performs one effect and hangs before or after it, until it is killed.
const [url = '', file = '', place] = process.argv.slice(2);
const db = openDatabase(url, { connections: 2 });
const hang = () => {
  process.stdout.write('here\n');
  return new Promise<never>((_, reject) => setTimeout(() => reject(new Error('nobody killed me')), 60_000));
};
await runEffect(
  db,
  { key: 'kafka-1/tag/v1', kind: 'tag', release: 'kafka-1', intent: { tag: 'v1' } },
  {
    readBack: async () => undefined,
    perform: async () => {
      if (place === 'before') return hang();
      appendFileSync(file, 'done\n');
      return hang();
    },
  },
  { leaseMs: 3_600_000 },
);
