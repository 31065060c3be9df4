import { isTestSource, type TestText, type TestUsers, testUsers } from '../../decisions/test-users.ts';
import { gitIn } from '../../git/clone.ts';
import { createSources, MOST_BYTES, type SourceTools } from './sources.ts';

/** All of a large fork's tests are thirty million; more is no source that people write. */
const MOST_IN_ALL = 100 << 20;
const AT_ONCE = 64;

/**
 * What uses these files of tests, in a commit or tree of one of our own bare clones. Reads objects only, which never
 * change: safe to repeat.
 */
export async function testUsersIn(
  tools: SourceTools,
  mirror: string,
  at: { treeish: string; touched: readonly string[] },
): Promise<TestUsers> {
  const { treeish, touched } = at;
  if (touched.length === 0) return testUsers([], touched);
  const git = gitIn(tools, mirror);
  const { exitCode, stdout, stderr } = await git.tryGit(['ls-tree', '-r', '-l', '-z', '--full-tree', treeish]);
  if (exitCode !== 0) throw new Error(`git ls-tree: ${stderr.trim()}`);
  const files = stdout.split('\0').flatMap((entry) => {
    const [, size = '0', path] = /^100(?:644|755) blob [0-9a-f]+ +(\d+)\t(.*)$/s.exec(entry) ?? [];
    return path !== undefined && isTestSource(path) ? [{ path, bytes: Number(size) }] : [];
  });
  const large = files.find(({ bytes }) => bytes > MOST_BYTES);
  if (large !== undefined) return untold(`${JSON.stringify(large.path)} is too large to be read`);
  if (files.reduce((sum, { bytes }) => sum + bytes, 0) > MOST_IN_ALL) return untold('there are too many to be read');
  const { read } = createSources(tools, mirror);
  const texts: TestText[] = [];
  for (let from = 0; from < files.length; from += AT_ONCE) {
    const some = files.slice(from, from + AT_ONCE);
    const found = await Promise.all(some.map(async ({ path }) => ({ path, text: await read(treeish, path) })));
    for (const { path, text } of found) {
      // A name that is no UTF-8.
      if (text === undefined) return untold(`${JSON.stringify(path)} cannot be read`);
      texts.push({ path, text });
    }
  }
  return testUsers(texts, touched);
}

const untold = (untold: string): TestUsers => ({ users: [], names: [], untold });
