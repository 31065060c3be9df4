import { z } from 'zod';

/** Where a secret is, never what it is. */
type SecretSchema = z.ZodType<{ env: string } | { file: string }>;

const sslSchema = (secret: SecretSchema) =>
  z.strictObject({
    ca: secret.optional().describe('PEM: who issued the brokers’ certificates; without it the CAs that Node knows'),
    certificate: secret.optional().describe('PEM: ours, with what stands between it and its CA, where brokers ask'),
    key: secret.optional().describe('PEM: of that certificate'),
    keyPassword: secret.optional().describe('of an encrypted key'),
    serverName: z
      .string()
      .regex(/^(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'a host name, no address')
      .optional()
      .describe('the name in the brokers’ certificates, where it is not the host that is connected to'),
  });

const saslSchema = (secret: SecretSchema) =>
  z.strictObject({
    mechanism: z.enum(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512']),
    username: z.string().min(1),
    password: secret,
  });

/**
 * `security:` of a cluster, by Kafka's own names. Certificates are always verified, and so are hosts' names: there is no
 * switch for it.
 */
export const securitySchema = (secret: SecretSchema) =>
  z
    .strictObject({
      protocol: z.enum(['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL']).describe('security.protocol'),
      ssl: sslSchema(secret).optional(),
      sasl: saslSchema(secret).optional(),
    })
    .superRefine((security, context) => {
      for (const { path, message } of securityProblems(security)) {
        context.addIssue({ code: 'custom', path, message });
      }
    });

export type SecuritySettings = z.output<ReturnType<typeof securitySchema>>;

export const usesTls = ({ protocol }: Pick<SecuritySettings, 'protocol'>) => protocol.endsWith('SSL');
export const usesSasl = ({ protocol }: Pick<SecuritySettings, 'protocol'>) => protocol.startsWith('SASL_');

function securityProblems(security: SecuritySettings): { path: string[]; message: string }[] {
  const { protocol, ssl, sasl } = security;
  const problems: { path: string[]; message: string }[] = [];
  const problem = (path: string[], message: string) => problems.push({ path, message });
  if (usesSasl(security) && !sasl) problem(['sasl'], `${protocol} needs mechanism, username and password`);
  if (!usesSasl(security) && sasl) {
    problem(
      ['sasl'],
      `${protocol} knows no user; ${usesTls(security) ? 'SASL_SSL' : 'SASL_SSL or SASL_PLAINTEXT'} does`,
    );
  }
  if (!usesTls(security) && ssl) {
    problem(['ssl'], `${protocol} knows no certificates; ${usesSasl(security) ? 'SASL_SSL' : 'SSL'} does`);
  }
  if (ssl && (ssl.certificate === undefined) !== (ssl.key === undefined)) {
    problem(['ssl', ssl.key === undefined ? 'key' : 'certificate'], 'certificate and key belong together');
  }
  if (ssl?.keyPassword && !ssl.key) problem(['ssl', 'keyPassword'], 'there is no key that it could open');
  return problems;
}
