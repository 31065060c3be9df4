import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ConnectionOptions } from '@platformatic/kafka';
import { type SecuritySettings, usesSasl, usesTls } from '../../config/cluster-security.ts';
import type { SecretRef } from '../../config/env.ts';

/** What a connection to one host takes; it holds secrets, and goes to the client alone. */
export type Security = (host: string) => Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'>;

type ReadSecret = (ref: SecretRef, what: string) => string;

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;
const NO_CERTIFICATE =
  'holds no PEM certificate; out of a JKS or PKCS12 store: keytool -exportcert -rfc -keystore STORE -alias ALIAS';
const NO_KEY = 'holds no PEM private key; out of a PKCS12 store: openssl pkcs12 -in STORE -nocerts -nodes';

/**
 * Reads what `security` of a cluster refers to, and looks whether it fits together.
 *
 * @param where the key of the configuration, for errors
 * @throws in words that say which entry is wrong and what to do; never with anything of what it holds
 */
export function openSecurity(where: string, settings: SecuritySettings, readSecret: ReadSecret): Security {
  const secureContext = usesTls(settings) ? contextOf(`${where}.ssl`, settings.ssl ?? {}, readSecret) : undefined;
  const sasl = usesSasl(settings) && settings.sasl;
  const password = sasl && reading(readSecret)(sasl.password, `${where}.sasl.password`);
  return (host) => {
    // To an address no name is sent along, and the certificate has to name the address.
    const name = settings.ssl?.serverName ?? (isIP(host) === 0 ? host : undefined);
    return {
      // Said, since a variable of the environment can turn Node's own default off.
      ...(secureContext && { tls: { secureContext, rejectUnauthorized: true } }),
      ...(secureContext && name !== undefined && { tlsServerName: name }),
      ...(sasl && { sasl: { mechanism: sasl.mechanism, username: sasl.username, password: password || '' } }),
    };
  };
}

type SslSettings = NonNullable<SecuritySettings['ssl']>;

function contextOf(where: string, { ca, certificate, key, keyPassword }: SslSettings, readSecret: ReadSecret) {
  const read = reading(readSecret);
  const authorities = ca && certificatesIn(read(ca, `${where}.ca`), `${where}.ca`).map(String);
  const own = certificate && certificatesIn(read(certificate, `${where}.certificate`), `${where}.certificate`);
  const passphrase = keyPassword && read(keyPassword, `${where}.keyPassword`);
  const opened = key && keyIn(read(key, `${where}.key`), passphrase, `${where}.key`);
  if (own && opened) fits(where, own[0]!, opened);
  try {
    return createSecureContext({
      ...(authorities && { ca: authorities }),
      ...(own && { cert: own.map(String).join('') }),
      ...(opened && { key: opened.export({ type: 'pkcs8', format: 'pem' }) }),
    });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'no reason told';
    throw new Error(`${where}: this machine's TLS does not take these certificates (${why}): have new ones issued`);
  }
}

function fits(where: string, certificate: X509Certificate, key: KeyObject): void {
  if (!certificate.checkPrivateKey(key)) {
    const first = 'the certificate of the key has to stand first in its file';
    throw new Error(`${where}.key: it does not belong to ${where}.certificate: name the pair (${first})`);
  }
  if (certificate.validToDate.getTime() < Date.now()) {
    throw new Error(`${where}.certificate: it was valid until ${certificate.validTo}: have a new one issued`);
  }
}

/** What is missing is told by `readSecret`; what is there and cannot be read is told alike. */
function reading(readSecret: ReadSecret): ReadSecret {
  return (ref, what) => {
    try {
      return readSecret(ref, what);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === undefined || !('file' in ref)) throw new Error(`${message}: put it there, or name another`);
      throw new Error(`${what}: the file ${ref.file} cannot be read (${code}): name a file that this user may read`);
    }
  };
}

function certificatesIn(text: string, what: string): X509Certificate[] {
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw new Error(`${what}: it ${NO_CERTIFICATE}`);
  return found.map((pem) => {
    try {
      return new X509Certificate(pem);
    } catch {
      throw new Error(`${what}: it holds a PEM block that is no certificate: take it from its source again`);
    }
  });
}

function keyIn(key: string, passphrase: string | undefined, what: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key)) throw new Error(`${what}: it ${NO_KEY}`);
  const encrypted = key.includes('ENCRYPTED');
  if (encrypted && passphrase === undefined) {
    throw new Error(`${what}: it is encrypted; name its password as keyPassword`);
  }
  try {
    return createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) });
  } catch {
    const why = encrypted ? 'keyPassword does not open it' : 'it is damaged: take it from its source again';
    throw new Error(`${what}: ${why}`);
  }
}
