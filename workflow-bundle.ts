import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

/**
 * The workflow code in one file, made when its sources change and kept by their digest: a worker that
 * starts again does not bundle again.
 */
export async function workflowBundle(cacheDir: string): Promise<{ codePath: string }> {
  const codePath = join(cacheDir, 'workflows', `${sourcesDigest()}.js`);
  if (existsSync(codePath)) return { codePath };
  const { code } = await bundleWorkflowCode({ workflowsPath: join(ROOT, 'workflows', 'index.ts') });
  mkdirSync(join(cacheDir, 'workflows'), { recursive: true });
  const temporary = `${codePath}.${process.pid}`;
  writeFileSync(temporary, code);
  renameSync(temporary, codePath);
  return { codePath };
}

function sourcesDigest(): string {
  const hash = createHash('sha256');
  const files = [...globSync('{workflows,decisions}/**/*.ts', { cwd: ROOT }), 'package-lock.json'].sort();
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(join(ROOT, file)));
  return hash.digest('hex').slice(0, 32);
}
