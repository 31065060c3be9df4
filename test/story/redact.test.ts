import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSecret } from '../../config/env.ts';
import { createPresentSettings } from '../../config/present.ts';
import { settingsSchema } from '../../config/schema.ts';
import { looksRandom } from '../../lib/entropy.ts';
import { oneLine, plainText } from '../../lib/plain-text.ts';
import { createRedactor, hasRun, redactJson, redactKnown, redact as redactOfProcess } from '../../lib/redact.ts';
import { redactionKey } from '../../lib/redact-key.ts';

const redact = createRedactor({ secrets: ['correct horse/battery', 'tiny'], key: 'test' });
// Put together here, so that no scanner takes this file for a leak.
const join = (...parts: string[]) => parts.join('');

describe('a secret is taken out', () => {
  test.each([
    ['a known value', 'x correct horse/battery y', 'known'],
    ['a known value, URL-encoded', `q=${encodeURIComponent('correct horse/battery')}&b=1`, 'known'],
    ['a known value in base64', Buffer.from('correct horse/battery').toString('base64'), 'known'],
    ['a Slack bot token', join('xoxb', '-1234567890-abcdefghij'), 'slack-token'],
    ['a Slack app token', join('xapp', '-1-A0B1C2-1234567890-abcdef'), 'slack-token'],
    [
      'a Slack web hook',
      join('https://hooks.slack', '.com/services/T00000000/B00000000/abcdefghijklmnop'),
      'slack-webhook',
    ],
    ['a GitHub token', join('ghp_', 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8'), 'github-token'],
    ['a fine-grained GitHub token', join('github_pat_', '11ABCDEFG0abcdefghijkl_mnop'), 'github-token'],
    ['an AWS key id', join('AKIA', 'IOSFODNN7EXAMPLE'), 'aws-key'],
    ['a JSON web token', join('eyJhbGciOiJIUzI1NiJ9', '.', 'eyJzdWIiOiIxMjM0NTY3ODkwIn0', '.abc_def-ghi'), 'jwt'],
    ['an authorization header', 'authorization: Bearer abc123def456ghi789', 'authorization'],
    ['a password in a URL', 'https://bot:hunter2@repo.example/x', 'url-password'],
    ['a token in a URL', 'https://0123456789abcdefXYZ@repo.example/x', 'url-token'],
    ['a password in a configuration', 'sasl.jaas.config=Module required password="hunter2";', 'password'],
    ['a secret key in an environment', 'AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMIbPxRfiCYEXAMPLEKEY9', 'token'],
    ['a private key', '-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----', 'private-key'],
    ['a private key that was cut off', '-----BEGIN PRIVATE KEY-----\nMIIabc', 'private-key'],
    ['what looks random', join('Zm9vYmFy', 'k3J9xQ2LwP7vT1nB8mR4cY6s', 'A0dF'), 'random'],
  ])('%s', (_name, text, kind) => {
    const out = redact(text);
    expect(out).toMatch(new RegExp(`\\[redacted:${kind}:[0-9a-f]{8}\\]`));
    expect(redact(out)).toBe(out);
  });

  test.each([
    ['the name stays, the value goes', 'password=hunter2 next', /^password=\[redacted:password:[0-9a-f]{8}\] next$/],
    [
      'the user stays, the password goes',
      'https://bot:hunter2@repo.example/x',
      /^https:\/\/bot:\[redacted:url-password:[0-9a-f]{8}\]@repo\.example\/x$/,
    ],
  ])('%s', (_name, text, pattern) => expect(redact(text)).toMatch(pattern));

  test('the same secret gives the same placeholder, under another key another one', () => {
    const other = createRedactor({ key: 'other' });
    expect(redact('password=hunter2')).toBe(redact('password=hunter2'));
    expect(redact('password=hunter2')).not.toBe(redact('password=hunter3'));
    expect(redact('password=hunter2')).not.toBe(other('password=hunter2'));
  });

  test('nine in ten random base64 values of 40 characters are seen by their look alone', () => {
    const values = Array.from({ length: 400 }, () => randomBytes(30).toString('base64'));
    expect(values.filter(looksRandom).length).toBeGreaterThan(360);
  });
});

describe('what a reader needs stays', () => {
  test.each([
    'commit 3f786850e387550fdab836ed7e6dc881de23001b',
    'sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
    'run 0192f0c4-7f1e-7c2a-9b1e-2f5f0c4d7f1e',
    'org.apache.kafka.clients.consumer.internals.ConsumerCoordinatorTest#testCommitOffsetShouldNotSetInstanceIdIfMemberIdIsUnknown',
    'clients/src/main/java/org/apache/kafka/common/security/oauthbearer/internals/secured/HttpAccessTokenRetriever.java',
    'shouldThrowOnInvalidDateFormatOrNullTimestampInV2Message1Partition3Of12',
    'delegation.token.expiry.time.ms=86400000',
    'password=$' + '{file:/etc/secret:pw} password=<password> password=******** token=null',
    'tiny',
    'https://repo.example:8443/path@2x.png',
    'expected token: IDENTIFIER but was: STRING',
    'cluster MkU3OEVBNTcwNTJENDM2Qk is up',
  ])('%s', (text) => expect(redact(text)).toBe(text));

  test('in JSON the digests, counts and lease tokens stay; a value named password goes', () => {
    const value = { sha256: 'a'.repeat(64), n: 3, ok: true, none: null, token: 'lease-7', list: ['x'] };
    expect(redactJson(value, redact)).toEqual(value);
    expect(redactJson({ password: 'a b;c', client_secret: '' }, redact)).toEqual({
      password: expect.stringMatching(/^\[redacted:password:/),
      client_secret: '',
    });
  });

  test('a megabyte of hostile text is done at once', () => {
    for (const piece of [
      'a:/',
      'password',
      '-----BEGIN PRIVATE KEY-----',
      'https://a:',
      'eyJ',
      '[redacted:',
      'Aa1'.repeat(9),
      'x@',
    ]) {
      expect(typeof redact(piece.repeat(1_000_000 / piece.length))).toBe('string');
    }
  }, 20_000);
});

test("a data folder's key is made once, and its owner's alone", () => {
  const dir = mkdtempSync(joinPath(tmpdir(), 'pw-key-'));
  const [first, second] = [redactionKey(dir), redactionKey(dir)];
  expect(first).toEqual(second);
  expect(first).toHaveLength(32);
  expect(readdirSync(dir)).toEqual(['redaction.key']);
  expect(statSync(joinPath(dir, 'redaction.key')).mode & 0o777).toBe(0o600);
  rmSync(dir, { recursive: true });
});

describe('plain text', () => {
  test.each([
    ['colours and titles of a terminal go', '\u001b]0;title\u0007a\u001b[1;31mb\u001b[0m', 'ab'],
    ['a link escape keeps its text', '\u001b]8;;http://x\u001b\\text\u001b]8;;\u001b\\', 'text'],
    ['direction overrides go', 'a\u202eb\u2066c', 'abc'],
    ['lines stay, carriage returns become lines', 'a\r\nb\rc', 'a\nb\nc'],
    ['other control characters show', 'a\u0000\u0001b\u009b2Jc', 'a\ufffdb\ufffd2Jc'],
    ['half a character shows', 'a\ud800b', 'a\ufffdb'],
    ['a whole one stays', 'a😀b', 'a😀b'],
  ])('%s', (_name, text, plain) => expect(plainText(text)).toBe(plain));

  test('is cut between characters', () => {
    expect(plainText('😀😀😀', 2)).toBe('😀…');
    expect(oneLine('a\n  b\tc')).toBe('a b c');
  });
});

describe('a secret that this process did not know at its start', () => {
  const folder = mkdtempSync(joinPath(tmpdir(), 'pw-learn-'));
  const file = (name: string, text: string) => {
    writeFileSync(joinPath(folder, name), text);
    return joinPath(folder, name);
  };
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is known once it was read, with the one before it', () => {
    const say = () => 'it was first words, then other words';
    readSecret({ file: file('rotated', 'first words\n') }, 'a password');
    readSecret({ file: file('rotated', 'other words\n') }, 'a password');
    const clean = /^it was \[redacted:known:[0-9a-f]{8}\], then \[redacted:known:[0-9a-f]{8}\]$/;
    expect(redactOfProcess(say())).toMatch(clean);
    expect(redactKnown(say())).toMatch(clean);
  });

  test('is known once settings were read anew that name it', () => {
    const yaml = file('patchwright.yaml', 'forks: {}\n');
    const present = createPresentSettings(yaml, settingsSchema.parse({ forks: {} }));
    const token = file('token', 'plain words');
    writeFileSync(yaml, `forks: {}\nannouncements: { slack: { channel: C1, token: { file: ${token} } } }\n`);
    expect(redactKnown('plain words')).toBe('plain words');
    expect(present().announcements.slack?.channel).toBe('C1');
    expect(redactKnown('plain words')).not.toContain('plain');
  });
});

describe('a run of characters is found without a look at each', () => {
  const run = 'aZ09+/_-'.repeat(4);
  test.each([
    ['by itself', run, true],
    ['at the end', `, ${run}`, true],
    ['at the beginning', `${run} `, true],
    ['behind one that is too short', `${run.slice(1)},${run}`, true],
    ['one character short', `,${run.slice(1)},`, false],
    ['one after the other, each short', `${run.slice(1)},`.repeat(9), false],
    ['of other letters', 'é'.repeat(40), false],
    ['none', '', false],
  ])('%s', (_, text, found) => expect(hasRun(text, 32)).toBe(found));

  test('wherever it lies', () => {
    const texts = Array.from(
      { length: 300 },
      (_, n) => `${'ab,'.repeat(n % 40)}${'x'.repeat(n % 37)}. c${'y'.repeat(n % 35)}`,
    );
    for (const text of texts) expect([text, hasRun(text, 32)]).toEqual([text, /[A-Za-z0-9+/_-]{32}/.test(text)]);
  });
});
