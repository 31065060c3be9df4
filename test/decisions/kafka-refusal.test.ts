import { expect, test } from 'vitest';
import { whyRefused } from '../../activities/health/kafka-refusal.ts';
import { canRollText } from '../../cli/commands/can-roll.ts';
import type { SecuritySettings } from '../../config/cluster-security.ts';

const secret = { env: 'SOME_SECRET' };
const sasl = { mechanism: 'SCRAM-SHA-256', username: 'ada', password: secret } as const;
const ssl: SecuritySettings = { protocol: 'SSL', ssl: { ca: secret } };
const both: SecuritySettings = { protocol: 'SASL_SSL', ssl: { ca: secret, certificate: secret, key: secret }, sasl };

/** As the client wraps them: what happened is the innermost. */
function failed(message: string, more: object = {}) {
  return new Error('Connection to a:1 failed.', { cause: Object.assign(new Error(message), more) });
}

test.each<[string, SecuritySettings | undefined, Error, RegExp]>([
  ['an unknown CA', ssl, failed('x', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), /issued by the CA that is named/],
  ['one that nobody named', { protocol: 'SSL' }, failed('x', { code: 'CERT_SIGNATURE_FAILURE' }), /no CA that Node/],
  ['an old certificate', ssl, failed('x', { code: 'CERT_HAS_EXPIRED' }), /not valid now/],
  [
    'another name',
    ssl,
    failed('x', { code: 'ERR_TLS_CERT_ALTNAME_INVALID', cert: { subjectaltname: 'DNS:b' } }),
    /does not hold the name kafka \(it holds DNS:b\): .* ssl\.serverName/,
  ],
  [
    'a certificate that is wanted',
    ssl,
    failed('x', { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }),
    /\(certificate required\): where the brokers want a client certificate/,
  ],
  [
    'one that is refused',
    both,
    failed('x', { code: 'ERR_SSL_SSL/TLS_ALERT_UNKNOWN_CA' }),
    /\(unknown ca\): name a certificate .* whose CA the brokers trust/,
  ],
  ['another mechanism', both, failed('x', { apiId: 'UNSUPPORTED_SASL_MECHANISM' }), /does not take SCRAM-SHA-256/],
  ['a broker that is none', both, failed('Invalid server signature.'), /does not prove that it knows the password/],
  [
    'an answer of several errors',
    both,
    Object.assign(new Error('Received response with error.'), {
      errors: [Object.assign(new Error('x'), { apiId: 'CLUSTER_AUTHORIZATION_FAILED' })],
    }),
    /let the user ada see this: allow it Describe and DescribeConfigs/,
  ],
  ['a closed door', undefined, failed('Connection closed'), /without TLS and SASL\? `security` says/],
  ['a closed door with both', both, failed('Connection closed'), /the listener may not be SASL_SSL$/],
  ['silence', ssl, new Error('Connection to a:1 timed out.'), /in time .* or want SASL_SSL, .* or a client cert/],
  [
    'nobody there',
    ssl,
    failed('connect ECONNREFUSED 10.0.0.1:9093', { code: 'ECONNREFUSED' }),
    /^connect ECONNREFUSED/,
  ],
])('%s', (_what, security, error, words) => {
  expect(whyRefused(error, { host: 'kafka', security })).toMatch(words);
});

test('no terminal obeys what a broker says', () => {
  const said = whyRefused(failed('\u001b]0;owned\u0007no\nentry'), { host: 'kafka', security: undefined });
  expect(said).toBe('no entry');
  const topic = '\u001b[2Jorders';
  const finding = { rule: 'K19', reason: `unknown: the partitions of ${topic}` };
  const told = canRollText({ environment: 'e', node: 'n', may: false, blocks: [finding], waived: [] });
  expect(told.join()).toContain('\\u{1b}[2Jorders');
});
