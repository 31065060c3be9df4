import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDriver } from '../../activities/deploy/driver.ts';
import { provision } from '../../activities/deploy/provision.ts';
import { openSystem } from '../../activities/health/system.ts';
import { type CanRoll, canRollNode, canRollText } from '../../cli/commands/can-roll.ts';
import { environmentIn } from '../../config/environment-cluster.ts';
import { settingsSchema } from '../../config/schema.ts';
import { type SecuredKafka, startSecuredKafka } from './secured-kafka.ts';

// One real node with a listener of each protocol, and certificates that keytool makes now.
let kafka: SecuredKafka;
// However long that takes on a busy machine.
vi.setConfig({ testTimeout: 300_000 });

beforeAll(async () => {
  kafka = await startSecuredKafka('orders');
}, 600_000);
afterAll(() => kafka?.stop(), 30_000);

type Listener = keyof SecuredKafka['ports'];
const NOWHERE = { dataDir: '/nowhere' };

function ask(listener: Listener, security: object | undefined, host = 'localhost'): Promise<CanRoll> {
  const theirs = { bootstrap: [`${host}:${kafka.ports[listener]}`], ...(security && { security }) };
  const settings = settingsSchema.parse({ forks: {}, clusters: { theirs } });
  return canRollNode(settings, 'theirs', 'broker-1', NOWHERE);
}

/** What it says against it; never with a password. */
async function refusal(...asked: Parameters<typeof ask>): Promise<string> {
  const error = await ask(...asked).then(
    () => undefined,
    (refused: Error) => refused,
  );
  if (error === undefined) throw new Error('it was not refused');
  const told = `${error.message}${JSON.stringify(error)}${error.stack}`;
  for (const password of Object.values(kafka.passwords)) expect(told).not.toContain(password);
  return error.message;
}

/** A secret as the configuration names it: a file. */
function secret(name: string, value: string) {
  writeFileSync(join(kafka.folder, name), `${value}\n`);
  return { file: join(kafka.folder, name) };
}
const pem = (name: string) => ({ file: kafka.file(name) });
const trusting = (more: object = {}) => ({ ca: pem('ca.pem'), ...more });
const mutual = (name = 'client') => trusting({ certificate: pem(`${name}.pem`), key: pem(`${name}.key`) });
const login = (mechanism = 'SCRAM-SHA-512', more: object = {}) => ({
  ...{ mechanism, username: 'ada', password: secret('ada.password', kafka.passwords.ada) },
  ...more,
});

describe('a cluster that is secured', () => {
  test('answers over every listener what it answers over a plain one', async () => {
    const plain = await ask('PLAINTEXT', undefined);
    // The only voter of its quorum, and the only replica of its partitions.
    expect(plain.blocks.map(({ rule }) => rule)).toEqual(expect.arrayContaining(['K4', 'K8']));
    expect(plain.blocks.map(({ rule }) => rule)).not.toContain('K19');
    const ways: [Listener, object, string?][] = [
      ['SSL', { protocol: 'SSL', ssl: mutual() }],
      ['SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting(), sasl: login('SCRAM-SHA-256') }],
      ['SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting(), sasl: login('SCRAM-SHA-512') }],
      ['SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting(), sasl: login('PLAIN') }],
      // Its address is not in the certificate: a name that is will do.
      ['SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting({ serverName: 'kafka.test' }), sasl: login() }, '127.0.0.1'],
      ['SASL_PLAINTEXT', { protocol: 'SASL_PLAINTEXT', sasl: login() }],
    ];
    for (const way of ways) expect(await ask(...way), JSON.stringify(way[1])).toEqual(plain);
  });

  test('is told apart from one whose certificates somebody else issued', async () => {
    const wrong = { protocol: 'SASL_SSL', ssl: { ca: pem('stranger.pem') }, sasl: login() };
    expect(await refusal('SASL_SSL', wrong)).toMatch(/not issued by the CA that is named: name .* as ssl\.ca/);
    expect(await refusal('SASL_SSL', { protocol: 'SASL_SSL', sasl: login() })).toContain('no CA that Node knows');
    const byAddress = { protocol: 'SASL_SSL', ssl: trusting(), sasl: login() };
    expect(await refusal('SASL_SSL', byAddress, '127.0.0.1')).toMatch(
      /does not hold the address 127\.0\.0\.1 \(it holds .*kafka\.test\): name one of those as ssl\.serverName/,
    );
  });

  test('does not let in who has no certificate, or one of another CA', async () => {
    expect(await refusal('SSL', { protocol: 'SSL', ssl: trusting() })).toMatch(/ssl\.certificate|client certificate/);
    expect(await refusal('SSL', { protocol: 'SSL', ssl: mutual('stranger') })).toMatch(/ssl\.certificate/);
  });

  test('does not let in who has another password, name or mechanism', async () => {
    const by = (sasl: object) => refusal('SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting(), sasl });
    const wrong = { password: secret('wrong.password', 'hunter2hunter2') };
    for (const mechanism of ['PLAIN', 'SCRAM-SHA-256']) {
      const said = await by(login(mechanism, wrong));
      expect(said).toContain(`refuses the user ada by ${mechanism}: look at sasl.username and sasl.password`);
      expect(said).not.toContain('hunter2');
    }
    expect(await by(login('SCRAM-SHA-256', { username: 'eve' }))).toContain('refuses the user eve');
    const clear = { protocol: 'SASL_PLAINTEXT', sasl: login('PLAIN') };
    expect(await refusal('SASL_PLAINTEXT', clear)).toContain('does not take PLAIN: name one as sasl.mechanism');
  });

  test.each<[Listener, string, RegExp]>([
    ['SSL', 'PLAINTEXT', /speaks TLS there: the protocol is SSL or SASL_SSL/],
    ['SASL_SSL', 'SSL', /listener may not be SSL, or want SASL_SSL, with a login/],
    ['SASL_PLAINTEXT', 'PLAINTEXT', /listener may not be PLAINTEXT, or want SASL_PLAINTEXT/],
    ['PLAINTEXT', 'SSL', /does not take the TLS handshake: is it a listener with SSL/],
    ['SSL', 'SASL_SSL', /asks for no login: the protocol is SSL/],
  ])('whose listener is %s is not asked by %s', async (listener, protocol, words) => {
    const ssl = protocol.endsWith('SSL') && { ssl: listener === 'SSL' ? mutual() : trusting() };
    const sasl = protocol.startsWith('SASL') && { sasl: login() };
    expect(await refusal(listener, { protocol, ...ssl, ...sasl })).toMatch(words);
  });

  const by = (name: 'blind' | 'guest') => {
    const sasl = login('SCRAM-SHA-512', { username: name, password: secret(name, kafka.passwords[name]) });
    return ask('SASL_SSL', { protocol: 'SASL_SSL', ssl: trusting(), sasl });
  };

  test('that hides topics from who asks is not seen whole', async () => {
    const answer = await by('blind');
    expect(answer.may).toBe(false);
    expect(canRollText(answer).join('\n')).toMatch(/K19: unknown: the partitions of orders \(.*allow it Describe/);
  });

  test('that lets who asks see nothing says what to allow', async () => {
    const answer = await by('guest');
    expect(answer.blocks.map(({ rule }) => rule)).toContain('K19');
    expect(answer.unseen?.join('\n')).toMatch(/^broker-1: it does not let the user guest see this: allow it Describe/m);
  });
});

describe('a secured cluster that commands reach', () => {
  const root = () => join(kafka.folder, 'data-folder');
  const say = (what: object) => ({ run: ['/bin/echo', JSON.stringify(what)] });
  const nothing = { run: ['/bin/true'] };
  const driver = {
    ...{ kind: 'command', stop: nothing, start: nothing, install: nothing },
    readBack: say({ artifacts: [], commit: '' }),
    facts: say({ running: true, restartToken: 'first', artifacts: [] }),
  };
  const hosts = (name: keyof typeof kafka.passwords, secretOf = (word: string) => secret(name, word)) => {
    const sasl = { mechanism: 'SCRAM-SHA-512', username: name, password: secretOf(kafka.passwords[name]) };
    const security = { protocol: 'SASL_SSL', ssl: trusting(), sasl };
    const bootstrap = [`localhost:${kafka.ports.SASL_SSL}`];
    const nodes = [{ name: 'ada', id: 1, roles: ['controller', 'broker'] }];
    const production = {
      system: 'command',
      cluster: 'theirs',
      driver,
      artifacts: ['a.jar'],
      targets: [{ name: 'ada' }],
    };
    return settingsSchema.parse({
      ...{ forks: {}, environments: { production } },
      clusters: { theirs: { bootstrap, security, nodes } },
    });
  };
  const opened = async (settings: ReturnType<typeof hosts>) => {
    const environment = environmentIn(settings, 'production')!;
    const never = async () => Promise.reject(new Error('nothing is fetched here'));
    const deps = { dataDir: root(), hostEnv: {}, artifacts: { fetch: never }, library: never };
    await provision('production', environment, deps, []);
    return openSystem(environment, openDriver('production', environment, deps));
  };

  test('is asked over its login, by whoever looks', async () => {
    const settings = hosts('ada');
    const system = await opened(settings);
    expect((await system.status()).lines.join('\n')).toMatch(/ada \(id 1, .*running since first/);
    const asked = await canRollNode(settings, 'production', 'ada', { dataDir: root() });
    expect(asked.blocks.map(({ rule }) => rule)).toEqual(
      (await ask('PLAINTEXT', undefined)).blocks.map(({ rule }) => rule),
    );
    expect((await system.preflight(['ada'])).blocks.map(({ rule }) => rule)).not.toContain('K11');
    expect(JSON.stringify(settings)).not.toContain(kafka.passwords.ada);
  });

  test('by a user who may not give leaders back, holds before anything is touched', async () => {
    const { blocks } = await (await opened(hosts('blind'))).preflight(['ada']);
    expect(blocks.find(({ rule }) => rule === 'K11')?.reason).toBe(
      'leaders could not be given back: the user of clusters.theirs.security may not elect leaders: allow it Alter on the cluster',
    );
  });

  test('whose secret is not there is a mistake in the settings', async () => {
    const settings = hosts('ada', () => ({ file: '/nowhere/password' }));
    await expect(opened(settings)).rejects.toThrow(/clusters\.theirs\.security\.sasl\.password/);
    const asking = canRollNode(settings, 'production', 'ada', { dataDir: root() });
    await expect(asking).rejects.toMatchObject({ exitStatus: 2 });
  });
});

describe('what a cluster’s security refers to', () => {
  const env = (name: string) => ({ env: name });
  const ssl = (given: object) => ({ protocol: 'SSL', ssl: given });
  const sealed = () => secret('sealed.key', sealedKey(kafka.file('client.key')));
  const pair = (key: object, more: object = {}) => ssl({ certificate: pem('client.pem'), key, ...more });
  test.each<[string, () => object, RegExp]>([
    ['a CA that is not there', () => ssl({ ca: pem('none.pem') }), /ssl\.ca: the file .*none\.pem cannot be read/],
    ['a folder', () => ssl({ ca: { file: kafka.folder } }), /ssl\.ca: the file .* \(EISDIR\): name a file/],
    ['a store for a CA', () => ssl({ ca: pem('all.p12') }), /ssl\.ca: it holds no PEM certificate; .*keytool/],
    ['a variable that is not set', () => ssl({ ca: env('NO_SUCH_CA') }), /ssl\.ca: .*variable NO_SUCH_CA is not set/],
    ['a key of another', () => pair(pem('broker.key')), /ssl\.key: it does not belong to .*ssl\.certificate/],
    ['a certificate for a key', () => pair(pem('client.pem')), /ssl\.key: it holds no PEM private key/],
    ['an encrypted key alone', () => pair(sealed()), /ssl\.key: it is encrypted; name its password as keyPassword/],
    [
      'another password of it',
      () => pair(sealed(), { keyPassword: secret('key.password', 'not-this-one') }),
      /ssl\.key: keyPassword does not open it/,
    ],
    [
      'no password of a user',
      () => ({ protocol: 'SASL_PLAINTEXT', sasl: login('PLAIN', { password: env('NO_SUCH_PASSWORD') }) }),
      /clusters\.theirs\.security\.sasl\.password: .*variable NO_SUCH_PASSWORD is not set/,
    ],
  ])('%s is told before anything is asked', async (_what, security, words) => {
    const said = await refusal('SSL', security());
    expect(said).toMatch(words);
    expect(said).not.toContain('not-this-one');
  });

  test('opens an encrypted key', async () => {
    const keyPassword = secret('right.password', SEAL);
    const given = trusting({ certificate: pem('client.pem'), key: sealed(), keyPassword });
    expect((await ask('SSL', ssl(given))).blocks.map(({ rule }) => rule)).toContain('K4');
  });
});

const SEAL = 'open sesame, please';
function sealedKey(file: string): string {
  const key = createPrivateKey(readFileSync(file));
  return String(key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: SEAL }));
}
