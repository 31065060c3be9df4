import { join, resolve } from 'node:path';
import type { SecretRef } from '../config/env.ts';
import type { ArtifactsSettings } from '../config/storage.ts';
import { type ArtifactStore, createArtifactStore } from './artifacts.ts';

/** The store that the configuration names. A client of a cloud is loaded where it is used: it is large. */
export async function openArtifacts(
  { folder, s3 }: ArtifactsSettings,
  { dataDir, readSecret }: { dataDir: string; readSecret: (ref: SecretRef, what: string) => string },
): Promise<ArtifactStore> {
  if (s3 === undefined) return createArtifactStore(folder === undefined ? join(dataDir, 'artifacts') : resolve(folder));
  const { createS3ArtifactStore } = await import('./artifacts-s3.ts');
  const { bucket, region, endpoint, prefix, pathStyle = endpoint !== undefined, accessKeyId, secretAccessKey } = s3;
  return createS3ArtifactStore({
    ...{ bucket, region, prefix, pathStyle },
    ...(endpoint === undefined ? {} : { endpoint }),
    incoming: join(dataDir, 'artifacts', 'incoming'),
    ...(accessKeyId && secretAccessKey
      ? {
          credentials: {
            accessKeyId: readSecret(accessKeyId, 'artifacts.s3.accessKeyId'),
            secretAccessKey: readSecret(secretAccessKey, 'artifacts.s3.secretAccessKey'),
          },
        }
      : {}),
  });
}
