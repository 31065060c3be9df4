import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { runToEnd } from './run.ts';

/**
 * SHA-256 of the archives of 1.8.2, as its release lists them (checksums.txt). A file that
 * does not match is not used, wherever it came from.
 */
const CHECKSUMS: Readonly<Record<string, string>> = {
  'linux-amd64': 'd8421bda989e6514b4bdb4d63a9012a8a05a806892e881a5aad8510496349a94',
  'linux-arm64': '83600a8fac6e3da54093e5da6918d399f501532b9f1172235603f9606f4ac6e4',
  'darwin-amd64': '489d7f5420cae02b559774ac23df035141954c33a51dba96f5759a0ddccdf1b6',
  'darwin-arm64': 'dacdc3587682c04cf27e67c8878ca2d755230b6ad63c0c6ebddd7348ae90ed94',
};

// A machine without a way out fails by its DNS at once; one behind a silent firewall after this long.
const CONNECT_WITHIN_MS = 8_000;
const STALLS_AFTER_MS = 60_000;

export interface DownloadOptions {
  /** Where archives are; for tests. */
  source?: string;
  checksums?: Readonly<Record<string, string>>;
}

/** Fetches Temporal's archive into `folder`, checks it and unpacks it. The path of the binary. */
export async function downloadTemporal(
  folder: string,
  version: string,
  tell: (detail: string) => void,
  { source = 'https://temporal.download/cli/archive', checksums = CHECKSUMS }: DownloadOptions = {},
): Promise<string> {
  const platform = process.platform;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const expected = checksums[`${platform}-${arch}`];
  if (expected === undefined) throw new Error(`there is none for ${platform}-${arch}`);
  const archive = join(folder, 'temporal.tar.gz');
  const sum = await fetchTo(`${source}/v${version}?platform=${platform}&arch=${arch}`, archive, tell);
  if (sum !== expected) throw new Error(`its SHA-256 is ${sum}, not ${expected}: not used`);
  await runToEnd('tar', ['-xzf', archive, '-C', folder, 'temporal'], {
    cwd: folder,
    env: process.env,
    what: 'unpack it',
  });
  return join(folder, 'temporal');
}

async function fetchTo(url: string, file: string, tell: (detail: string) => void): Promise<string> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error('no answer')), CONNECT_WITHIN_MS);
  try {
    const response = await fetch(url, { signal: abort.signal }).catch(explain);
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    const total = Number(response.headers.get('content-length') ?? 0);
    const hash = createHash('sha256');
    let received = 0;
    const watched = async function* (body: AsyncIterable<Uint8Array>) {
      for await (const chunk of body) {
        clearTimeout(timer);
        timer = setTimeout(() => abort.abort(new Error('it stalled')), STALLS_AFTER_MS);
        hash.update(chunk);
        const before = Math.floor(received / 5e6);
        received += chunk.length;
        if (Math.floor(received / 5e6) > before) tell(`downloading, ${megabytes(received)} of ${megabytes(total)} MB`);
        yield chunk;
      }
    };
    await pipeline(Readable.fromWeb(response.body), watched, createWriteStream(file));
    return hash.digest('hex');
  } finally {
    clearTimeout(timer);
  }
}

const megabytes = (bytes: number) => (bytes === 0 ? '?' : String(Math.round(bytes / 1e6)));

/** `fetch failed` says nothing; its cause does. */
function explain(error: Error & { cause?: { code?: string; message?: string } }): never {
  throw new Error(error.cause?.code ?? error.cause?.message ?? error.message);
}
