import { expect, test } from 'vitest';
import { hiddenWords } from '../../lib/hidden-characters.ts';

test.each([
  ['all is seen: ä, 中, 😀\nand more\n', ''],
  ['', ''],
  ['a;b\r\nc;d\r\nlast\n', '2 of its lines end in CR LF'],
  ['old\rmac\n', '1 of its lines have a CR inside, shown as the end of a line'],
  ['all:\n\tmake\n', 'tabs are shown as a space'],
  ['\ufeffday;amount\n1\u00a0000\n', 'not shown as they are: U+FEFF in line 1, U+00A0 in line 2'],
  ['a\u200bb\u200bc\u0007', 'not shown as they are: U+200B in line 1, U+0007 in line 1'],
  [
    '\u0001\u0002\u0003\u0004\u0005\u0006',
    'not shown as they are: U+0001 in line 1, U+0002 in line 1, U+0003 in line 1, U+0004 in line 1, U+0005 in line 1, …',
  ],
  ['x\ty\r\n', '1 of its lines end in CR LF; tabs are shown as a space'],
])('of %j is not seen: %s', (text, words) => {
  expect(hiddenWords(text)).toBe(words);
});

test('of lines out of a list no line is named', () => {
  expect(hiddenWords('a.txt:7:x\ufeff\u00a0', { lines: false })).toBe('not shown as they are: U+FEFF, U+00A0');
});
