import { whyHidden } from '../../decisions/hidden-classes.ts';
import { isTestSource, quoted, type TestText, type TestUsers, testUsers } from '../../decisions/test-users.ts';
import { type Git, gitIn } from '../../git/clone.ts';
import { TooMuchOutput } from '../../lib/run.ts';
import { createSources, MOST_BYTES, type SourceTools } from './sources.ts';

/** All of a large fork's tests are thirty million; more is no source that people write. */
const MOST_IN_ALL = 100 << 20;
const AT_ONCE = 64;
/** Of the list of a tree's files; of half a million. */
const LIST_BYTES = 64 << 20;

/**
 * What uses these files of tests, in a commit or tree of one of our own bare clones; `before`: the one that they were
 * changed in. Reads objects only, which never change: safe to repeat.
 */
export async function testUsersIn(
  tools: SourceTools,
  mirror: string,
  at: { treeish: string; before: string; touched: readonly string[] },
): Promise<TestUsers> {
  const { treeish, before, touched } = at;
  if (touched.length === 0) return testUsers([], touched);
  const git = gitIn(tools, mirror);
  const list = await listed(git, treeish);
  if (list === undefined) return untold('it has too many files');
  const files = list.flatMap((entry) => {
    const [, size = '0', path] = /^100(?:644|755) blob [0-9a-f]+ +(\d+)\t(.*)$/s.exec(entry) ?? [];
    return path !== undefined && isTestSource(path) ? [{ path, bytes: Number(size) }] : [];
  });
  const had = new Set((await listed(git, before))?.map(pathOf) ?? touched);
  const added = touched.filter((path) => !had.has(path));
  const large = files.find(({ bytes }) => bytes > MOST_BYTES);
  if (large !== undefined) return untold(`${quoted(large.path)} is too large to be read`);
  if (files.reduce((sum, { bytes }) => sum + bytes, 0) > MOST_IN_ALL) return untold('there are too many to be read');
  const { read } = createSources(tools, mirror);
  const texts: TestText[] = [];
  for (let from = 0; from < files.length; from += AT_ONCE) {
    const some = files.slice(from, from + AT_ONCE);
    const found = await Promise.all(some.map(async ({ path }) => ({ path, text: await read(treeish, path) })));
    for (const { path, text } of found) {
      // A name that is no UTF-8.
      if (text === undefined) return untold(`${quoted(path)} cannot be read`);
      texts.push({ path, text });
    }
  }
  const own = new Set(touched);
  const others = texts.filter(({ path }) => !own.has(path));
  const brought = texts.filter(({ path }) => own.has(path));
  const hidden = whyHidden(brought, { paths: [...had], others });
  return hidden === undefined ? testUsers(texts, touched, new Set(added)) : untold(hidden);
}

const pathOf = (entry: string) => entry.slice(entry.indexOf('\t') + 1);

/** The entries of a tree; undefined where there are more than anybody reads. */
async function listed(git: Git, treeish: string): Promise<string[] | undefined> {
  try {
    const asked = ['ls-tree', '-r', '-l', '-z', '--full-tree', treeish];
    const { exitCode, stdout, stderr } = await git.tryGit(asked, { maxBytes: LIST_BYTES });
    if (exitCode !== 0) throw new Error(`git ls-tree: ${stderr.trim()}`);
    return stdout.split('\0');
  } catch (error) {
    if (error instanceof TooMuchOutput) return undefined;
    throw error;
  }
}

const untold = (untold: string): TestUsers => ({ users: [], names: [], untold });
