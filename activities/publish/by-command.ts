import { dirname } from 'node:path';
import type { SecretRef } from '../../config/env.ts';
import type { CommandPublishSettings } from '../../config/publish.ts';
import type { Redactor } from '../../lib/redact.ts';
import { runOwnCommand } from '../deploy/own-command.ts';
import { type Published, type Publisher, requireSame, type ToPublish } from './publisher.ts';

export type ByCommandDeps = {
  hostEnv: Readonly<Record<string, string>>;
  readSecret: (ref: SecretRef, what: string) => string;
  redact: Redactor;
  /** Where the commands run. */
  cwd: string;
};

const SHA256 = /^[0-9a-f]{64}$/;

/** Publishes by the fork's own commands; what they say of themselves is read back and held to the digest. */
export function commandPublisher(settings: CommandPublishSettings, deps: ByCommandDeps): Publisher {
  const run = (step: 'publish' | 'readBack', { artifact, ...about }: ToPublish, file?: string) => {
    const secrets = Object.entries(settings.secrets).map(([name, ref]) => [
      name,
      deps.readSecret(ref, `release.publish.command.secrets.${name}`),
    ]);
    return runOwnCommand(`${artifact.name}: the ${step} command`, settings[step], {
      values: { ...about, artifact: artifact.name, sha256: artifact.sha256, ...(file !== undefined && { file }) },
      cwd: file === undefined ? deps.cwd : dirname(file),
      env: { ...deps.hostEnv, ...Object.fromEntries(secrets) },
      redact: deps.redact,
    });
  };
  const find = async (item: ToPublish): Promise<Published | undefined> => {
    const said = (await run('readBack', item)).trim();
    if (said === '') return undefined;
    const { name, sha256 } = item.artifact;
    if (!SHA256.test(said))
      throw new Error(
        `${name}: the readBack command printed neither a SHA-256 nor nothing: ${deps.redact(said).slice(0, 100)}`,
      );
    requireSame(`${name} ${item.version}`, said, sha256);
    return { where: `${name} ${item.version}`, sha256 };
  };
  return {
    takes: (names) => [...names],
    destination: () => JSON.stringify([settings.publish.run, settings.readBack.run]),
    find,
    async publish(item, file) {
      const there = await find(item);
      if (there) return there;
      await run('publish', item, file);
      const published = await find(item);
      if (published) return published;
      throw new Error(`${item.artifact.name}: the publish command succeeded, and readBack finds nothing of it`);
    },
  };
}
