import { createHmac, randomBytes } from 'node:crypto';
import { looksRandom } from './entropy.ts';

/**
 * Takes secrets out of text before it leaves (Slack, a model) or is kept (the journal, the thread):
 * exact values of the secrets this process knows, the shapes of well-known tokens (after gitleaks'
 * rules), values next to a word like `password`, and runs of characters that look random.
 * trust.md, *Sandbox*: "Exact values of known secrets, gitleaks-style rules, entropy; keyed-hash
 * placeholders".
 */
export type Redactor = (text: string) => string;

export type RedactorOptions = {
  /** Values to take out wherever they stand, also URL-encoded and in base64. Shorter than 6 characters is ignored. */
  secrets?: readonly string[];
  /** Key of the placeholders' hash: the same secret gives the same placeholder, and nobody can guess it back. */
  key?: string | Uint8Array;
};

/**
 * `hint`: holds of every text in which the pattern can match, and is found much faster: a pattern that looks behind does
 * so at each character. An expression is without `g`, so that it has no memory.
 */
type Rule = { kind: string; pattern: RegExp; hint?: Hint; accept?: (value: string) => boolean };
type Hint = { test: (text: string) => boolean };

/** In this order: a rule that knows the shape names the secret better than one that only suspects it. */
const RULES: readonly Rule[] = [
  {
    kind: 'private-key',
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  { kind: 'slack-webhook', pattern: /hooks\.slack\.com\/(?:services|workflows|triggers)\/[A-Za-z0-9/_-]{20,}/g },
  { kind: 'slack-token', pattern: /\b(?:xox[abceoprs]|xapp|xwfp)-[A-Za-z0-9.-]{10,}/g },
  { kind: 'github-token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})/g },
  { kind: 'gitlab-token', pattern: /\bgl(?:pat|ptt|dt|rt)-[A-Za-z0-9_-]{20,}/g },
  { kind: 'aws-key', pattern: /\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b/g },
  { kind: 'google-key', pattern: /\bAIza[A-Za-z0-9_-]{35}/g },
  { kind: 'npm-token', pattern: /\bnpm_[A-Za-z0-9]{36}/g },
  {
    kind: 'api-key',
    pattern: /\b(?:sk|rk|pk)[-_](?:[a-z]+[-_]){0,2}[A-Za-z0-9_-]{20,}/g,
    accept: (value) => /\d/.test(value) && /[A-Za-z]/.test(value),
  },
  { kind: 'jwt', pattern: /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g },
  {
    kind: 'authorization',
    hint: /(?:bearer|basic)\s/i,
    pattern: /(?<=\b(?:bearer|basic)\s{1,4})[A-Za-z0-9._~+/=-]{12,}/gi,
    accept: (value) => /[\d=+/]/.test(value) || looksRandom(value),
  },
  // Of `scheme://user:password@host` the password; of `scheme://token@host` the token, if it is long enough to be one.
  {
    kind: 'url-password',
    hint: /:\/\//,
    pattern: /(?<=\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/?#:@]{0,200}:)[^\s/?#@]{1,500}(?=@)/gi,
  },
  { kind: 'url-token', hint: /:\/\//, pattern: /(?<=\b[a-z][a-z0-9+.-]{1,20}:\/\/)[^\s/?#:@]{16,500}(?=@)/gi },
  {
    kind: 'password',
    hint: /(?:passw(?:or)?d|pwd|passphrase|secret)["']?\s{0,3}[:=]/i,
    pattern: /(?<=(?:passw(?:or)?d|passwd|pwd|passphrase|secret)["']?\s{0,3}[:=]\s{0,3}["']?)[^\s"',;)\]}]{4,500}/gi,
    accept: isNoStandIn,
  },
  {
    kind: 'token',
    hint: /(?:token|key|key[_-]?id|credentials?)["']?\s{0,3}[:=]/i,
    pattern:
      /(?<=(?:token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?(?:access[_-]?)?key|private[_-]?key|credentials?)["']?\s{0,3}[:=]\s{0,3}["']?)[^\s"',;)\]}]{12,500}/gi,
    accept: (value) => isNoStandIn(value) && /\d/.test(value) && /[A-Za-z]/.test(value) && !isIdentity(value),
  },
  // It begins where a run does: without the look-behind each word is tried once for each of its characters.
  {
    kind: 'random',
    hint: { test: (text) => hasRun(text, 32) },
    pattern: /(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{32,}={0,2}/g,
    accept: looksRandom,
  },
];

/** Whether so many characters of base64 (or of its form for URLs) stand side by side: one of each so many is looked at. */
export function hasRun(text: string, length: number): boolean {
  let clear = 0;
  for (let probe = length - 1; probe < text.length; probe = clear + length - 1) {
    let at = probe;
    while (at >= clear && IN_BASE64[text.charCodeAt(at)] === 1) at -= 1;
    if (at < clear) return true;
    clear = at + 1;
  }
  return false;
}

const IN_BASE64 = new Uint8Array(128);
for (const one of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-')
  IN_BASE64[one.charCodeAt(0)] = 1;

/** Builds a redactor. Applying it twice changes nothing more. */
export function createRedactor({ secrets = [], key = randomBytes(32) }: RedactorOptions = {}): Redactor {
  const placeholder = (kind: string, value: string) =>
    `[redacted:${kind}:${createHmac('sha256', key).update(value).digest('hex').slice(0, 8)}]`;
  const exact = knownForms(secrets);
  return (text) => {
    let result = text;
    for (const { form, secret } of exact) result = result.replaceAll(form, () => placeholder('known', secret));
    for (const { kind, pattern, hint, accept } of RULES) {
      if (hint !== undefined && !hint.test(result)) continue;
      result = outsidePlaceholders(result, (part) =>
        part.replace(pattern, (value) => (accept && !accept(value) ? value : placeholder(kind, value))),
      );
    }
    return result;
  };
}

/** Every string in a JSON value redacted; a value under a name like `password` goes whatever it looks like. */
export function redactJson(value: unknown, redactText: Redactor = redact): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, redactText));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, redactNamed(name, item, redactText)]));
}

// Not `token`: a lease's token is no secret, and the journal must give results back as they were.
const SECRET_NAME =
  /^(?:.*[_.-])?(?:password|passwd|passphrase|secret|clientSecret|privateKey|private_key|authorization)$/i;

function redactNamed(name: string, item: unknown, redactText: Redactor): unknown {
  if (!SECRET_NAME.test(name) || typeof item !== 'string' || item === '') return redactJson(item, redactText);
  const redacted = redactText(item);
  // Let the rule for passwords make the placeholder, so that one secret looks the same everywhere.
  return redacted === item
    ? redactText(`password="${item.replace(/[\s"',;)\]}]/g, '_')}"`).slice('password="'.length, -1)
    : redacted;
}

const learnt = new Set<string>();
let processKey: NonNullable<RedactorOptions['key']> = randomBytes(32);
let processRedactor: Redactor = createRedactor();
let processKnown: Redactor = (text) => text;

/** Sets what this process knows as secrets, once, at start (like the log's level: everything below calls `redact`). */
export function configureRedaction({ secrets = [], key = processKey }: RedactorOptions): void {
  processKey = key;
  for (const secret of secrets) learnt.add(secret);
  const known = { secrets: [...learnt], key };
  processRedactor = createRedactor(known);
  processKnown = createKnownRedactor(known);
}

/** A secret that was read after the start (newer settings, a file with another one in it) is known from then on too. */
export function learnSecret(secret: string): void {
  if (!learnt.has(secret)) configureRedaction({ secrets: [secret] });
}

/** Redacts with what `configureRedaction` and `learnSecret` were told; without it the rules and the entropy still hold. */
export function redact(text: string): string {
  return processRedactor(text);
}

/**
 * The exact secrets of this process alone, and nothing that only looks like one: for what must come back as it was, such
 * as the payload of an activity.
 */
export function redactKnown(text: string): string {
  return processKnown(text);
}

function createKnownRedactor({ secrets = [], key = randomBytes(32) }: RedactorOptions): Redactor {
  const placeholder = (value: string) => createHmac('sha256', key).update(value).digest('hex').slice(0, 8);
  const exact = knownForms(secrets).map(
    ({ form, secret }) => [form, `[redacted:known:${placeholder(secret)}]`] as const,
  );
  return (text) => exact.reduce((result, [form, stand]) => result.replaceAll(form, stand), text);
}

function knownForms(secrets: readonly string[]): { form: string; secret: string }[] {
  const forms = secrets
    .filter((secret) => secret.length >= 6)
    .flatMap((secret) => {
      const base64 = Buffer.from(secret).toString('base64');
      const spellings = [
        secret,
        encodeURIComponent(secret),
        base64,
        base64.replace(/=+$/, ''),
        JSON.stringify(secret).slice(1, -1),
      ];
      return [...new Set(spellings)].map((form) => ({ form, secret }));
    });
  // The longest first: a secret that begins with another one must not leave its tail behind.
  return forms.sort((a, b) => b.form.length - a.form.length);
}

const PLACEHOLDER = /(\[redacted:[a-z-]+:[0-9a-f]{8}\])/;

function outsidePlaceholders(text: string, change: (part: string) => string): string {
  if (!text.includes('[redacted:')) return change(text);
  // A look-behind cannot see over the cut, so `password=[redacted:…]` stays as it is.
  return text
    .split(PLACEHOLDER)
    .map((part, index) => (index % 2 === 1 ? part : change(part)))
    .join('');
}

/** False for what only stands where a secret would: `${VAR}`, `<password>`, `****`, `null`. */
function isNoStandIn(value: string): boolean {
  return !/^(?:[*x.]+|\$\{?.*|<.*|%.*|null|none|nil|undefined|true|false|empty|\[hidden\]?|\[redacted.*)$/i.test(value);
}

/** A commit, a digest, a UUID: names that must stay readable. */
function isIdentity(value: string): boolean {
  return /^(?:[0-9a-f]{7,64}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})$/i.test(value);
}
