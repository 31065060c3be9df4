import { findSecret, type TemporalSettings } from './env.ts';
import { knownSecrets } from './known-secrets.ts';
import type { PublishSettings } from './publish.ts';
import type { Settings } from './schema.ts';

/** The exact secrets that this process knows: none of them may leave it. */
export function secretsOf({
  announcements,
  paging,
  model,
  support,
  artifacts: { s3 },
  knowledge,
  forks,
  clusters,
}: Settings): string[] {
  const references = [
    announcements.slack?.token,
    support.slack?.appToken,
    support.slack?.http?.signingSecret,
    model?.key,
    paging.pagerduty?.routingKey,
    s3?.accessKeyId,
    s3?.secretAccessKey,
    knowledge.index.s3?.accessKeyId,
    knowledge.index.s3?.secretAccessKey,
    ...Object.values(forks).flatMap(({ release: { publish } }) => publishSecrets(publish)),
  ];
  // Those of clusters are for whoever asks them, and other workers need not be allowed to read their files.
  return [...references.flatMap((reference) => (reference && findSecret(reference)) ?? []), ...knownSecrets(clusters)];
}

function publishSecrets(publish: PublishSettings | undefined) {
  if (publish === undefined) return [];
  return 'maven' in publish ? [publish.maven.password, publish.maven.token] : Object.values(publish.command.secrets);
}

/** Of the user's own servers; the embedded ones have none. */
export function serverSecrets({ apiKey }: TemporalSettings, databaseUrl: string): string[] {
  const password = URL.canParse(databaseUrl) ? decodeURIComponent(new URL(databaseUrl).password) : '';
  return [apiKey ?? '', password].filter((secret) => secret !== '');
}
