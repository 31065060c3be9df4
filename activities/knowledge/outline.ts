import type { Line } from './chunks.ts';

const WORD = '[A-Za-z_$][\\w$]{0,80}';
const KINDS =
  'class|interface|trait|object|enum|record|struct|impl|message|service|rpc|module|package|namespace|type|def|fun|func|fn|function';
const DECLARATION = new RegExp(`^\\s*(?:(?:@\\w+|[a-z]+)\\s+){0,6}(?:${KINDS})\\s+[\\w$(<]`);
/** Of Java and its like: something that others may call or set, with its modifiers. */
const MEMBER = new RegExp(`^\\s*(?:public|protected|static|export)\\s[^=;{}]{0,300}\\b${WORD}\\s*(?:\\(|=)`);
const COMMENT = /^\s*(?:\/\*\*|\/\/\/|\*(?!\/)|#(?!!)|"""|--\s)/;
const MOST_COMMENT_LINES = 8;
const LONGEST = 400;

/**
 * What a file of code declares, with the comment above each declaration: enough to find where something is, and what
 * its authors say of it. Roughly, by lines, for any language that looks like one of these; bodies are left out.
 */
export function outlineOf(lines: readonly Line[]): Line[] {
  const kept = new Set<number>();
  for (const [i, { text }] of lines.entries()) {
    // Longer ones are generated, and would keep a pattern busy.
    if (text.length > LONGEST || COMMENT.test(text) || !(DECLARATION.test(text) || MEMBER.test(text))) continue;
    kept.add(i);
    let above = i - 1;
    while (above >= 0 && /^\s*(?:@\w|\*\/)/.test(lines[above]?.text ?? '')) above -= 1;
    const comment: number[] = [];
    for (; above >= 0 && COMMENT.test(lines[above]?.text ?? ''); above -= 1) comment.unshift(above);
    for (const one of comment.slice(0, MOST_COMMENT_LINES)) kept.add(one);
  }
  return lines.filter((_, i) => kept.has(i)).map(({ line, text }) => ({ line, text: text.slice(0, LONGEST) }));
}
