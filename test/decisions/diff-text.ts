/** A file's difference as git writes it, from the lines of one hunk: for tables of decisions that read diffs. */
export function fileDiff(path: string, lines: string[], extended: string[] = []): string {
  const count = (signs: string) => lines.filter((line) => signs.includes(line[0] ?? ' ')).length;
  const [added, deleted] = ['new file', 'deleted file'].map((word) => extended.some((line) => line.startsWith(word)));
  const index = extended.some((line) => line.includes('mode')) ? '' : ' 100644';
  return [
    `diff --git a/${path} b/${path}`,
    ...extended,
    `index ${'1'.repeat(40)}..${'2'.repeat(40)}${index}`,
    `--- ${added ? '/dev/null' : `a/${path}`}`,
    `+++ ${deleted ? '/dev/null' : `b/${path}`}`,
    `@@ -${added ? 0 : 1},${count(' -')} +${deleted ? 0 : 1},${count(' +')} @@ class X {`,
    ...lines,
    '',
  ].join('\n');
}

export const newFile = (path: string, lines: string[], mode = '100644') =>
  fileDiff(
    path,
    lines.map((line) => `+${line}`),
    [`new file mode ${mode}`],
  );

export const deletedFile = (path: string, lines: string[]) =>
  fileDiff(
    path,
    lines.map((line) => `-${line}`),
    ['deleted file mode 100644'],
  );
