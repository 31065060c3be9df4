import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** A real git repository for a test: `commit` writes files and returns the commit. */
export function makeRepository(dir: string) {
  mkdirSync(dir, { recursive: true });
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
    GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  };
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@example.org', ...args], {
      cwd: dir,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
      .toString()
      .trim();
  git('init', '--quiet', '--initial-branch=upstream', '.');
  return {
    dir,
    git,
    commit(files: Record<string, string>, message: string): string {
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), text);
      }
      git('add', '--all');
      git('commit', '--quiet', '--message', message);
      return git('rev-parse', 'HEAD');
    },
  };
}

/** A commit message with the trailers that every patch of a stack carries. */
export function patchMessage(subject: string, extra = ''): string {
  return `${subject}\n\nWhat it does.\n\nReason: a test needs it\nUpstream-Status: Inappropriate [test]\nDrop-When: the test is gone\n${extra}`;
}
