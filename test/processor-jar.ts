import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const QUICK_START = ['-J-XX:TieredStopAtLevel=1', '-J-XX:+UseSerialGC'];

/**
 * A copy of a jar in `folder`, with its name and its classes, and a program that a compiler starts in both ways that it
 * has (annotation processor, plugin). It writes `witness` when it runs.
 */
export function withProcessor(jar: string, witness: string, folder: string): string {
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
