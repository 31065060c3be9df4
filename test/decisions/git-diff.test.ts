import { describe, expect, test } from 'vitest';
import { parseGitDiff } from '../../decisions/git-diff.ts';
import { matchesPath } from '../../decisions/path-pattern.ts';
import { fileDiff, newFile } from './diff-text.ts';

const read = (text: string) => {
  const parsed = parseGitDiff(text);
  if (parsed.kind === 'unreadable') throw new Error(parsed.problem);
  return parsed.files;
};
const problem = (text: string) => {
  const parsed = parseGitDiff(text);
  return parsed.kind === 'unreadable' ? parsed.problem : 'it was read';
};

describe('a diff of git', () => {
  test('numbers added lines by the new file, removed ones by the old', () => {
    const [file] = read(fileDiff('a.java', [' one', '-two', '+deux', '+trois', ' four']));
    expect(file).toMatchObject({ path: 'a.java', status: 'modified', oldMode: '100644', binary: false });
    expect(file?.hunks[0]?.lines.map(({ sign, text, line }) => `${sign}${line}${text}`)).toEqual([
      ...[' 1one', '-2two', '+2deux', '+3trois', ' 4four'],
    ]);
  });

  test.each([
    ['a header in a removed line', '--- a/etc/passwd'],
    ['a header in an added line', '+++ b/etc/passwd'],
    ['a file’s header in an added line', '+diff --git a/x b/x'],
    ['a hunk’s header in a context line', ' @@ -1,9 +1,9 @@'],
  ])('takes %s for what it is', (_, line) => {
    const files = read(fileDiff('a.java', [line, ' end']));
    expect(files).toHaveLength(1);
    expect(files[0]?.hunks[0]?.lines[0]?.text).toBe(line.slice(1));
  });

  test('reads renames, copies, modes, binaries, links, submodules and empty files', () => {
    const index = `index ${'1'.repeat(40)}..${'2'.repeat(40)}`;
    const text = [
      ...['diff --git a/old name.txt b/new name.txt', 'similarity index 100%'],
      ...['rename from old name.txt', 'rename to new name.txt'],
      ...['diff --git a/c b/d', 'similarity index 90%', 'copy from c', 'copy to d', `${index} 100644`],
      ...['--- a/c', '+++ b/d', '@@ -1 +1 @@', '-x', '+y', '\\ No newline at end of file'],
      ...['diff --git a/run.sh b/run.sh', 'old mode 100644', 'new mode 100755'],
      ...['diff --git a/x.jar b/x.jar', 'new file mode 100644', index, 'GIT binary patch'],
      ...['literal 4', 'LcmZQzWMT#Y01f~L', '', 'literal 0', 'HcmV?d00001', ''],
      ...['diff --git a/p.png b/p.png', `${index} 100644`, 'Binary files a/p.png and b/p.png differ'],
      ...['diff --git a/link b/link', 'new file mode 120000', index, '--- /dev/null', '+++ b/link'],
      ...['@@ -0,0 +1 @@', '+/etc/passwd', '\\ No newline at end of file'],
      ...['diff --git a/sub b/sub', `${index} 160000`, '--- a/sub', '+++ b/sub', '@@ -1 +1 @@'],
      ...[`-Subproject commit ${'1'.repeat(40)}`, `+Subproject commit ${'2'.repeat(40)}`],
      ...['diff --git a/empty b/empty', 'new file mode 100644', index, ''],
    ].join('\n');
    expect(read(text).map(({ path, status, binary, newMode }) => [path, status, binary, newMode])).toEqual([
      ['new name.txt', 'renamed', false, undefined],
      ['d', 'copied', false, '100644'],
      ['run.sh', 'modified', false, '100755'],
      ['x.jar', 'added', true, '100644'],
      ['p.png', 'modified', true, '100644'],
      ['link', 'added', false, '120000'],
      ['sub', 'modified', false, '160000'],
      ['empty', 'added', false, '100644'],
    ]);
  });

  test('reads names as git quotes them, and keeps carriage returns', () => {
    const quoted = '"a/\\303\\244\\t\\"x\\".java" "b/\\303\\244\\t\\"x\\".java"';
    const text = `diff --git ${quoted}\nindex 1..2 100644\n--- ${quoted.split(' ')[0]}\n+++ ${quoted.split(' ')[1]}\n@@ -1 +1 @@\n-a\r\n+b\r\n`;
    const [file] = read(text);
    expect(file?.path).toBe('ä\t"x".java');
    expect(file?.hunks[0]?.lines[1]?.text).toBe('b\r');
    expect(
      read(fileDiff('with space.java', ['+x']).replace('+++ b/with space.java', '+++ b/with space.java\t'))[0]?.path,
    ).toBe('with space.java');
  });

  test('a huge line is read at once', () => {
    expect(read(newFile('x.js', ['y'.repeat(5_000_000)]))[0]?.hunks[0]?.lines).toHaveLength(1);
  });

  test.each([
    ['words before it', `hello\n${fileDiff('a', ['+x'])}`, /a file’s header is expected/],
    ['words after it', `${fileDiff('a', ['+x'])}hello\n`, /a file’s header is expected/],
    ['more lines than it says', fileDiff('a', ['+x']).replace('+1,1 @@', '+1,0 @@'), /a file’s header is expected/],
    ['fewer lines than it says', fileDiff('a', ['+x']).replace('+1,1 @@', '+1,9 @@'), /a line of the hunk/],
    ['another name below', fileDiff('a', ['+x']).replace('+++ b/a', '+++ b/b'), /name different paths/],
    ['no a/ and b/', fileDiff('a', ['+x']).replace('a/a b/a', 'a a'), /two names/],
    ['a name quoted wrongly', fileDiff('a', ['+x']).replace('+++ b/a', '+++ "b/\\x"'), /not quoted as git does/],
    ['a header nobody knows', fileDiff('a', ['+x'], ['owner root']), /two names|header is expected/],
    ['the same header twice', fileDiff('a', ['+x'], ['old mode 100644', 'old mode 100755']), /stands twice/],
    ['neither before nor after', 'diff --git a/a b/a\n--- /dev/null\n+++ /dev/null\n', /neither before nor after/],
    ['a merge’s difference', 'diff --cc a\nindex 1,2..3\n', /a file’s header is expected/],
    ['a new file that was there', fileDiff('a', ['+x'], ['new file mode 100644']).replace('/dev/null', 'a/a'), /mode/],
  ])('with %s is refused', (_, text, words) => {
    expect(problem(text)).toMatch(words);
  });
});

test.each([
  ['.github/', '.github/workflows/x.yml', true],
  ['.github/', 'docs/.github/x', false],
  ['**/CODEOWNERS', 'CODEOWNERS', true],
  ['**/CODEOWNERS', 'docs/codeowners', true],
  ['config/*.xml', 'config/a.xml', true],
  ['config/*.xml', 'config/a/b.xml', false],
  ['config/**', 'config/a/b.xml', true],
  ['a.b', 'axb', false],
] as const)('%s over %s: %s', (pattern, path, expected) => {
  expect(matchesPath(path, pattern)).toBe(expected);
});
