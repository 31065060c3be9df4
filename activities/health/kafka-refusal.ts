import { isIP } from 'node:net';
import { type SecuritySettings, usesSasl, usesTls } from '../../config/cluster-security.ts';
import { oneLine } from '../../lib/plain-text.ts';

type Asked = { host: string; security: SecuritySettings | undefined };
/** `names`: for which a certificate stands that is not of the host. */
type Facts = { codes: ReadonlySet<string>; messages: readonly string[]; names: string | undefined };

const UNTRUSTED = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
];
const ACLS = 'Describe and DescribeConfigs on the cluster and on all topics';

/**
 * Why a broker did not answer, and what to do, from what the client, Node or Kafka say of it. Nothing of a secret stands
 * in any of it: names, codes and the brokers' own words alone, which no terminal obeys.
 */
export function whyRefused(error: unknown, asked: Asked): string {
  const facts = factsOf(error);
  return tlsWords(facts, asked) ?? saslWords(facts, asked) ?? silentWords(facts, asked) ?? innermost(error);
}

/** What happened, of an error that only says what came of it. */
export const innermost = (error: unknown): string => oneLine(factsOf(error).messages.at(-1) ?? String(error));

function tlsWords({ codes, messages, names }: Facts, { host, security }: Asked): string | undefined {
  const has = (...wanted: string[]) => wanted.some((code) => codes.has(code));
  if (has(...UNTRUSTED)) {
    return security?.ssl?.ca
      ? 'its certificate was not issued by the CA that is named: name the CA of the brokers as ssl.ca'
      : 'its certificate was issued by no CA that Node knows: name the CA of the brokers as ssl.ca';
  }
  if (has('CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID')) {
    return 'its certificate, or its CA, is not valid now: have it issued anew, or look at the clock of this machine';
  }
  if (has('ERR_TLS_CERT_ALTNAME_INVALID')) {
    const wanted = security?.ssl?.serverName ?? host;
    const kind = isIP(wanted) === 0 ? 'the name' : 'the address';
    return `its certificate does not hold ${kind} ${wanted} (it holds ${oneLine(names ?? '') || 'no name at all'}): name one of those as ssl.serverName`;
  }
  const alert = [...codes].find((code) => /^ERR_SSL_.*ALERT_/.test(code));
  if (alert) return alertWords(alert, security);
  if (messages.includes('Broker requires TLS.')) return 'it speaks TLS there: the protocol is SSL or SASL_SSL';
  const noTls = has('EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG');
  if (noTls || messages.some((message) => message.startsWith('TLS handshake failed'))) {
    return 'it does not take the TLS handshake: is it a listener with SSL or SASL_SSL?';
  }
  return undefined;
}

function alertWords(alert: string, security: SecuritySettings | undefined): string {
  const what = alert
    .replace(/^.*ALERT_/, '')
    .replaceAll('_', ' ')
    .toLowerCase();
  const remedy = security?.ssl?.certificate
    ? 'name a certificate as ssl.certificate that is valid and whose CA the brokers trust'
    : 'where the brokers want a client certificate, name it as ssl.certificate and ssl.key';
  return `it refuses the TLS handshake (${what}): ${remedy}`;
}

function saslWords({ codes, messages }: Facts, { security }: Asked): string | undefined {
  const { mechanism, username } = security?.sasl ?? {};
  if (codes.has('SASL_AUTHENTICATION_FAILED')) {
    return `it refuses the user ${username} by ${mechanism}: look at sasl.username and sasl.password, and whether the user has credentials of this mechanism`;
  }
  if (codes.has('UNSUPPORTED_SASL_MECHANISM')) {
    return `its listener does not take ${mechanism}: name one as sasl.mechanism that it does (sasl.enabled.mechanisms)`;
  }
  if (codes.has('ILLEGAL_SASL_STATE')) {
    const plain = security && usesTls(security) ? 'SSL' : 'PLAINTEXT';
    return `its listener asks for no login: the protocol is ${plain}, or it is another port`;
  }
  if (messages.some((message) => /^Invalid server signature|^Server nonce/.test(message))) {
    return 'it does not prove that it knows the password: look whether it is a broker of this cluster at all';
  }
  if (codes.has('CLUSTER_AUTHORIZATION_FAILED') || codes.has('TOPIC_AUTHORIZATION_FAILED')) {
    const who = username === undefined ? 'whoever connects there' : `the user ${username}`;
    return `it does not let ${who} see this: allow it ${ACLS} (kafka-acls.sh)`;
  }
  return undefined;
}

/** Kafka closes without a word what speaks another protocol than its listener. */
function silentWords({ codes, messages }: Facts, { security }: Asked): string | undefined {
  const closed = messages.some((message) => message.startsWith('Connection closed')) || codes.has('ECONNRESET');
  const late = messages.some((message) => /timed out/i.test(message));
  if (!closed && !late) return undefined;
  const did = closed ? 'it closes the connection' : 'it does not answer in time (is it up, and reached from here?)';
  if (!security) return `${did}: is it a listener without TLS and SASL? \`security\` says how else to connect`;
  const guesses = [
    ...(usesSasl(security) ? [] : [`${usesTls(security) ? 'SASL_SSL' : 'SASL_PLAINTEXT'}, with a login`]),
    ...(usesTls(security) ? [] : ['TLS']),
    ...(usesTls(security) && !security.ssl?.certificate ? ['a client certificate'] : []),
  ];
  const wants = guesses.length > 0 ? `, or want ${guesses.join(', or ')}` : '';
  return `${did}: the listener may not be ${security.protocol}${wants}`;
}

/** Codes and messages of an error and of all that caused it, the outermost first. */
function factsOf(error: unknown): Facts {
  const codes = new Set<string>();
  const messages: string[] = [];
  let names: string | undefined;
  const seen = new Set<unknown>();
  const add = (one: unknown): void => {
    if (!(one instanceof Error) || seen.has(one)) return;
    seen.add(one);
    const { code, apiId, cause, errors, cert } = one as Error & Record<string, unknown>;
    for (const name of [code, apiId]) if (typeof name === 'string') codes.add(name);
    messages.push(one.message);
    names ??= (cert as { subjectaltname?: string } | undefined)?.subjectaltname;
    if (Array.isArray(errors)) errors.forEach(add);
    add(cause);
  };
  add(error);
  return { codes, messages, names };
}
