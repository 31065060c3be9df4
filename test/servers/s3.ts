import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../services/ports.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import { silent } from '../../setup/progress.ts';
import type { S3Place } from '../../store/artifacts-s3.ts';

/** A server of the S3 protocol over a folder, as Maven Central has it, without the clouds that it can also speak to. */
const S3_PROXY = {
  coordinates: ['org.gaul:s3proxy:2.7.0'],
  transitive: true,
  excludes: ['com.google.auto.service:*', 'com.puppycrawl.tools:*'],
};

export const S3_BUCKET = 'artifacts';
export const S3_KEYS = { accessKeyId: 'patchwright', secretAccessKey: 'only-on-loopback' };

/** A real S3 server on loopback, in a process of its own; `files`: where its objects lie. */
export async function startS3() {
  const { dir, jars } = await resolveLibrary(S3_PROXY, thisMachine(), silent);
  const root = mkdtempSync(join(tmpdir(), 'pw-s3-'));
  const files = join(root, 'files', S3_BUCKET);
  mkdirSync(files, { recursive: true });
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const properties = {
    's3proxy.endpoint': endpoint,
    's3proxy.authorization': 'aws-v2-or-v4',
    's3proxy.identity': S3_KEYS.accessKeyId,
    's3proxy.credential': S3_KEYS.secretAccessKey,
    // It checks no digests of its own: what is damaged must be found by us.
    's3proxy.ignore-unknown-headers': 'true',
    'jclouds.provider': 'filesystem',
    'jclouds.identity': 'local',
    'jclouds.credential': 'local',
    'jclouds.filesystem.basedir': join(root, 'files'),
  };
  const file = join(root, 's3proxy.properties');
  writeFileSync(
    file,
    Object.entries(properties)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const classpath = jars.map((jar) => join(dir, jar.file)).join(':');
  const jvm = ['-Xmx128m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-cp', classpath];
  const child = spawn('java', [...jvm, 'org.gaul.s3proxy.Main', '--properties', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const words = listen(child);
  await serves(endpoint, child, words);
  return {
    endpoint,
    files,
    place: (incoming: string, prefix = ''): S3Place => ({
      ...{ bucket: S3_BUCKET, region: 'us-east-1', endpoint, prefix, pathStyle: true, incoming },
      credentials: S3_KEYS,
    }),
    async stop(): Promise<void> {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      if (child.exitCode === null && child.kill('SIGKILL')) await ended;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function listen(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => (text = `${text}${chunk}`.slice(-4_000)));
  return () => text;
}

async function serves(endpoint: string, child: ChildProcess, words: () => string): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}: ${words()}`);
    const answer = await fetch(endpoint).catch(() => undefined);
    // Without a signature it answers that it wants one.
    if (answer) return;
    await sleep(100);
  }
}
