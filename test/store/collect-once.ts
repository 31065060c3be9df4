// One collection in a process of its own, so that it can be killed: `collect-once.ts DATABASE_URL DATA_FOLDER`.
import { join } from 'node:path';
import { collect } from '../../activities/retention.ts';
import { retentionSchema } from '../../config/storage.ts';
import { createArtifactStore } from '../../store/artifacts.ts';
import { openDatabase } from '../../store/database.ts';

const [url = '', dataDir = ''] = process.argv.slice(2);
const db = openDatabase(url);
await collect({
  db,
  dataDir,
  artifacts: createArtifactStore(join(dataDir, 'artifacts')),
  retention: retentionSchema.parse({}),
});
await db.destroy();
