import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findLibrary, resolveLibrary } from '../../setup/libraries.ts';
import { librariesPom, parseCoordinates } from '../../setup/libraries-pom.ts';
import type { Machine } from '../../setup/machine.ts';
import { silent } from '../../setup/progress.ts';
import { scratchFolder } from './scratch.ts';

const machine = (): Machine => ({ env: process.env, cacheDir: join(scratchFolder(), 'cache') });

test.each([
  ['org.a:b:1.0', { group: 'org.a', artifact: 'b', version: '1.0', classifier: undefined }],
  ['org.a:b_2.13:3.6.2:test', { group: 'org.a', artifact: 'b_2.13', version: '3.6.2', classifier: 'test' }],
  ['org.a:b:jar:sources:1.0', { group: 'org.a', artifact: 'b', version: '1.0', classifier: 'sources' }],
])('%s', (text, coordinates) => {
  expect(parseCoordinates(text)).toEqual(coordinates);
});

test.each(['org.a:b', 'org.a:b:1:c:d', 'org.a:b:<x>', 'org.a::1'])('%s is refused as wrong usage', (text) => {
  expect(() => parseCoordinates(text)).toThrow(/does not name a Maven artifact/);
});

test('nothing but the artifact itself comes with one that is not transitive', () => {
  const pom = librariesPom({ coordinates: ['org.a:b:1'], transitive: false });
  expect(pom).toContain('<exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>');
});

test('two that want the same library at once ask Maven once, and get the same whole folder', async () => {
  const spec = { coordinates: ['org.slf4j:slf4j-api:1.7.36'], transitive: true };
  const on = machine();
  const told: string[] = [];
  const tell = (_step: string, detail: string) => void told.push(detail);
  const [first, second] = await Promise.all([resolveLibrary(spec, on, tell), resolveLibrary(spec, on, tell)]);
  expect(second).toEqual(first);
  expect(told.filter((detail) => detail === 'asking Maven')).toHaveLength(1);
  expect(first?.jars).toMatchObject([
    { file: 'slf4j-api-1.7.36.jar', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  ]);
  // A jar that somebody deleted is not a library any more.
  expect(findLibrary(spec, on)).toEqual(first);
  rmSync(join(first?.dir ?? '', 'slf4j-api-1.7.36.jar'));
  expect(findLibrary(spec, on)).toBeUndefined();
});

test('a repository that cannot be reached is an error that names what was asked for', async () => {
  const on = machine();
  const home = join(on.cacheDir, '../home');
  mkdirSync(join(home, '.m2'), { recursive: true });
  const mirror = '<mirror><id>none</id><mirrorOf>*</mirrorOf><url>http://127.0.0.1:1/</url></mirror>';
  writeFileSync(join(home, '.m2/settings.xml'), `<settings><mirrors>${mirror}</mirrors></settings>`);
  const cut: Machine = { ...on, env: { ...process.env, HOME: home, MAVEN_OPTS: `-Duser.home=${home}` } };
  const spec = { coordinates: ['org.slf4j:slf4j-api:1.7.36'], transitive: true };
  const attempt = resolveLibrary(spec, cut, silent);
  await expect(attempt).rejects.toMatchObject({ exitStatus: 3 });
  await expect(attempt).rejects.toThrow(/could not get org\.slf4j:slf4j-api:1\.7\.36.*Check the coordinates/s);
  expect(existsSync(join(on.cacheDir, 'libraries')) ? readdirSync(join(on.cacheDir, 'libraries')) : []).toEqual([]);
});
