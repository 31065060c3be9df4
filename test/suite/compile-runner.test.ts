import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { compileRunner } from '../../runner/compile.ts';
import { ENV, junitJars, QUICK_START } from './sample.ts';

vi.setConfig({ testTimeout: 300_000 });

const dir = mkdtempSync(join(tmpdir(), 'pw-compile-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const OF_A_FORK = 'opentest4j-';

/** A jar of a fork's: JUnit's name, its classes, and a program that a compiler starts in both ways that it has. */
function withProcessor(jar: string, witness: string): string {
  const folder = join(dir, 'processor');
  const classes = join(folder, 'classes');
  mkdirSync(join(classes, 'META-INF', 'services'), { recursive: true });
  for (const service of ['javax.annotation.processing.Processor', 'com.sun.source.util.Plugin'])
    writeFileSync(join(classes, 'META-INF', 'services', service), 'Evil\n');
  writeFileSync(
    join(folder, 'Evil.java'),
    `import java.nio.file.*; import java.util.Set; import javax.annotation.processing.*; import javax.lang.model.element.*;
    @SupportedAnnotationTypes("*") public class Evil extends AbstractProcessor implements com.sun.source.util.Plugin {
      public Evil() throws Exception { Files.writeString(Path.of("${witness}"), "x"); }
      @Override public boolean process(Set<? extends TypeElement> all, RoundEnvironment round) { return false; }
      @Override public String getName() { return "Evil"; }
      @Override public void init(com.sun.source.util.JavacTask task, String... args) { }
      @Override public boolean autoStart() { return true; }
    }`,
  );
  execFileSync('javac', [...QUICK_START, '-proc:none', '-d', classes, join(folder, 'Evil.java')], { stdio: 'pipe' });
  const made = join(folder, basename(jar));
  copyFileSync(jar, made);
  execFileSync('jar', [...QUICK_START, '--update', '--file', made, '-C', classes, '.'], { stdio: 'pipe' });
  return made;
}

test('nothing of a jar that a fork brings runs when the runner is compiled, and nobody else gets what was compiled with it', async () => {
  const junit = await junitJars();
  const witness = join(dir, 'witness');
  const forks = junit.map((jar) => (basename(jar).startsWith(OF_A_FORK) ? withProcessor(jar, witness) : jar));
  expect(forks).not.toEqual(junit);
  const compile = (classpath: string[]) =>
    compileRunner({ cacheDir: join(dir, 'cache'), classpath, javac: 'javac', env: ENV });
  const made = await compile(forks);
  expect(existsSync(witness)).toBe(false);
  expect(await compile(junit)).not.toBe(made);
  expect(await compile(forks)).toBe(made);
});
