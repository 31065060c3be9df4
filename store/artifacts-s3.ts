import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import type { Digest } from '../workflows/types.ts';
import {
  type ArtifactStore,
  assertDigest,
  copyIn,
  damaged,
  explainFullDisk,
  missing,
  sha256OfFile,
} from './artifacts.ts';

export type S3Place = {
  bucket: string;
  region: string;
  /** A server that speaks S3; AWS itself without it. */
  endpoint?: string;
  /** Before every name, with its slash. */
  prefix: string;
  /** The bucket in the path, not in the host's name: what most other servers want. */
  pathStyle: boolean;
  /** Without them the machine's own identity is used, as the AWS client finds it. */
  credentials?: { accessKeyId: string; secretAccessKey: string };
  /** A folder on this host for what is on its way. */
  incoming: string;
};

const IN_MEMORY_BYTES = 16 << 20;
const OLD_MS = 3_600_000;
const isOld = (since: Date | undefined) => since !== undefined && Date.now() - since.getTime() > OLD_MS;

/**
 * A bucket. Objects are written once (`If-None-Match`, where the server knows it) and whole; what is read is checked by us, whatever the server
 * promises. One object has at most 5 GB.
 */
export function createS3ArtifactStore(place: S3Place): ArtifactStore {
  const { bucket, incoming } = place;
  mkdirSync(incoming, { recursive: true });
  const client = clientOf(place);
  const object = (sha256: Digest) => {
    assertDigest(sha256);
    return { Bucket: bucket, Key: `${place.prefix}${sha256.slice(0, 2)}/${sha256}` };
  };
  const head = (sha256: Digest) =>
    client.send(new HeadObjectCommand(object(sha256))).catch((error: unknown) => notThere(error));

  async function body(sha256: Digest): Promise<Readable> {
    const found = await client.send(new GetObjectCommand(object(sha256))).catch((error: unknown) => notThere(error));
    if (!(found?.Body instanceof Readable)) throw missing(sha256);
    return found.Body;
  }

  let knowsConditions = true;
  async function send(sha256: Digest, file: string, bytes: number, conditions: { IfNoneMatch?: '*' } = {}) {
    // In one piece where it is small: then the client can send it again by itself.
    const Body = bytes <= IN_MEMORY_BYTES ? await readFile(file) : createReadStream(file);
    // The server refuses what was cut short.
    const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
    await client.send(
      new PutObjectCommand({ ...object(sha256), ...conditions, Body, ContentLength: bytes, ChecksumSHA256 }),
    );
  }

  async function writeOnce(sha256: Digest, file: string, bytes: number): Promise<void> {
    try {
      await send(sha256, file, bytes, knowsConditions ? { IfNoneMatch: '*' } : {});
    } catch (error) {
      // Somebody else was faster with the same bytes.
      if (statusOf(error) === 412) return;
      if (statusOf(error) !== 501 || !knowsConditions) throw error;
      // Not every server knows conditions. We have just seen that nothing is there, and the name says what comes.
      knowsConditions = false;
      await writeOnce(sha256, file, bytes);
    }
  }

  return {
    has: async (sha256) => (await head(sha256)) !== undefined,

    async put(source) {
      const file = join(incoming, randomUUID());
      try {
        const { sha256, bytes } = await copyIn(source, file);
        const known = await head(sha256);
        if (known === undefined) await writeOnce(sha256, file, bytes);
        // What is old is made young again, before somebody collects it; what is cut short is mended. The same bytes.
        else if (known.ContentLength !== bytes || isOld(known.LastModified)) await send(sha256, file, bytes);
        return { sha256, bytes };
      } catch (error) {
        throw explainFullDisk(error, incoming);
      } finally {
        await rm(file, { force: true });
      }
    },

    async fetch(sha256, target) {
      await mkdir(dirname(target), { recursive: true });
      const temporary = `${target}.${randomUUID()}`;
      try {
        await pipeline(await body(sha256), createWriteStream(temporary, { mode: 0o444, flush: true }));
        const found = await sha256OfFile(temporary);
        if (found !== sha256) throw damaged(sha256, found);
        await rename(temporary, target);
      } catch (error) {
        throw explainFullDisk(error, dirname(target));
      } finally {
        await rm(temporary, { force: true });
      }
    },

    async read(sha256) {
      const bytes = Buffer.concat(await (await body(sha256)).toArray());
      const found = createHash('sha256').update(bytes).digest('hex');
      if (found !== sha256) throw damaged(sha256, found);
      return bytes;
    },

    async *list() {
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: place.prefix })) {
        for (const { Key = '', Size = 0, LastModified = new Date() } of page.Contents ?? []) {
          const sha256 = Key.slice(place.prefix.length + 3);
          if (/^[0-9a-f]{64}$/.test(sha256)) yield { sha256, bytes: Size, at: LastModified };
        }
      }
    },

    async remove(sha256, asOf) {
      const known = asOf && (await head(sha256));
      if (known?.LastModified && asOf && known.LastModified > asOf) return;
      await client.send(new DeleteObjectCommand(object(sha256)));
    },
  };
}

function clientOf({ region, endpoint, pathStyle, credentials }: S3Place): S3Client {
  return new S3Client({
    region,
    forcePathStyle: pathStyle,
    maxAttempts: 5,
    // Other servers do not know the newer checksums; ours is sent with each object and checked on each read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}

const statusOf = (error: unknown) => (error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined);

/** A missing bucket is no missing object: that one is a person's to mend. */
function notThere(error: unknown): undefined {
  const name = error instanceof S3ServiceException ? error.name : '';
  if (statusOf(error) === 404 && name !== 'NoSuchBucket') return undefined;
  throw error;
}
