import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cacheDir } from '../../config/env.ts';
import { compileRunner } from '../../runner/compile.ts';
import { resolveLibrary } from '../../setup/libraries.ts';
import { thisMachine } from '../../setup/machine.ts';
import { silent } from '../../setup/progress.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));

/** JUnit as a fork's own configuration names it. */
export const JUNIT = {
  coordinates: [
    'org.junit.platform:junit-platform-launcher:1.10.2',
    'org.junit.jupiter:junit-jupiter:5.10.2',
    'org.junit.vintage:junit-vintage-engine:5.10.2',
  ],
  transitive: true,
};

export const QUICK_START = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC'];

export const ENV = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };

export async function junitJars(): Promise<string[]> {
  const { dir, jars } = await resolveLibrary(JUNIT, thisMachine(), silent);
  return jars.map(({ file }) => join(dir, file));
}

/** The words in capitals of Product.java, as a patch may change them. */
const PRODUCT = {
  answer: 42 as number,
  races: false,
  exits: false,
  hangs: false,
  pollutes: false,
  leaks: false,
  breaks: false,
  first: false,
  second: false,
};

export type ProductVariant = Partial<typeof PRODUCT>;

/** Compiles one version of the product to a jar: what a fork's build would make. */
export function buildProduct(dir: string, variant: ProductVariant): string {
  const words = Object.entries({ ...PRODUCT, ...variant });
  const source = words.reduce(
    (text, [word, value]) => text.replace(new RegExp(`\\b${word.toUpperCase()}\\b`, 'g'), String(value)),
    readFileSync(join(HERE, 'product', 'Product.java'), 'utf8'),
  );
  mkdirSync(join(dir, 'src'), { recursive: true });
  writeFileSync(join(dir, 'src', 'Product.java'), source);
  return compile(dir, [join(dir, 'src', 'Product.java')], [], 'product.jar');
}

/** The sample test classes, or those whose file names match, in a jar. */
export function buildTests(dir: string, classpath: readonly string[], pattern = '*.java'): string {
  return compile(dir, globSync(join(HERE, 'java', 'sample', pattern)), classpath, 'tests.jar');
}

/** Test classes that harm whoever runs them, and an agent with which a JVM never begins. */
export async function hostileClasspath(dir: string): Promise<{ classpath: string[]; stuckAgent: string }> {
  const junit = await junitJars();
  const jar = compile(dir, globSync(join(HERE, 'java', 'hostile', '*.java')), junit, 'hostile.jar');
  const stuckAgent = join(dir, 'stuck.jar');
  writeFileSync(join(dir, 'manifest'), 'Premain-Class: hostile.Stuck\n');
  const classes = join(dir, 'hostile.jar.classes');
  const words = ['--create', '--file', stuckAgent, '--manifest', join(dir, 'manifest')];
  execFileSync('jar', [...QUICK_START, ...words, '-C', classes, 'hostile/Stuck.class'], { stdio: 'pipe' });
  const runner = await compileRunner({ cacheDir: cacheDir(), classpath: junit, javac: 'javac', env: ENV });
  return { classpath: [runner, jar, ...junit], stuckAgent };
}

function compile(dir: string, sources: readonly string[], classpath: readonly string[], name: string): string {
  const classes = join(dir, `${name}.classes`);
  mkdirSync(classes, { recursive: true });
  execFileSync('javac', [...QUICK_START, '-nowarn', '-d', classes, '-cp', classpath.join(':'), ...sources], {
    stdio: 'pipe',
  });
  const jar = join(dir, name);
  execFileSync('jar', [...QUICK_START, '--create', '--date=2020-01-01T00:00:00Z', '--file', jar, '-C', classes, '.'], {
    stdio: 'pipe',
  });
  return jar;
}

/** A class path on which every sample test runs. */
export async function sampleClasspath(dir: string, variant: ProductVariant = {}): Promise<string[]> {
  const junit = await junitJars();
  const product = buildProduct(dir, variant);
  const tests = buildTests(dir, [...junit, product]);
  const runner = await compileRunner({ cacheDir: cacheDir(), classpath: junit, javac: 'javac', env: ENV });
  return [runner, product, tests, ...junit];
}
