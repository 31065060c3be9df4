/**
 * `node docs/picture.ts [RELEASE] [--data DIR] > docs/release.svg`: draws `release show` as a picture of a
 * terminal, for the README. Run it while a release runs to have the live lines in it.
 */
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { releaseShow, releaseShowText } from '../cli/commands/release-show.ts';
import { openStore } from '../cli/context.ts';

const FONT = 'ui-monospace, SFMono-Regular, Menlo, Consolas, monospace';
const [CELL, LINE, EDGE, BAR] = [8.43, 20, 20, 34];
// On a background that is dark in either theme of a page.
const COLOURS: Record<string, string> = { 31: '#ff7b72', 32: '#56d364', 33: '#e3b341', 36: '#56d4dd' };

/** A terminal's text with its colours as one SVG. */
export function terminalSvg(text: string): string {
  const lines = text.replace(/^\n+|\n+$/g, '').split('\n');
  const columns = Math.max(...lines.map((line) => stripVTControlCharacters(line).length));
  const [width, height] = [Math.ceil(columns * CELL + 2 * EDGE), lines.length * LINE + BAR + EDGE];
  const dots = ['#ff5f57', '#febc2e', '#28c840'].map(
    (fill, n) => `<circle cx="${EDGE + n * 20}" cy="17" r="6" fill="${fill}"/>`,
  );
  const rows = lines.map((line, n) => `<text x="${EDGE}" y="${BAR + 16 + n * LINE}">${spans(line)}</text>`);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" font-family="${FONT}" font-size="14" fill="#e6edf3" style="white-space:pre">`,
    `<rect width="100%" height="100%" rx="10" fill="#0d1117" stroke="#30363d"/>`,
    ...dots,
    ...rows,
    '</svg>\n',
  ].join('\n');
}

/** Every run of one colour is set at its own column, so that no font can shift what follows. */
function spans(line: string): string {
  let codes = new Set<string>();
  let column = 0;
  let out = '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it reads a terminal's own language.
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the same.
    const code = /^\u001b\[([0-9;]*)m$/.exec(part)?.[1];
    if (code !== undefined) codes = applied(codes, code);
    else if (part !== '') {
      // Spaces at the beginning are dropped by most viewers: the text begins where they end.
      const x = (EDGE + (column + part.length - part.trimStart().length) * CELL).toFixed(1);
      out += `<tspan x="${x}"${look(codes)}>${part.trimStart().replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</tspan>`;
      column += part.length;
    }
  }
  return out;
}

function applied(codes: ReadonlySet<string>, code: string): Set<string> {
  const next = new Set(codes);
  for (const one of code.split(';')) {
    if (one === '0' || one === '') next.clear();
    else if (one === '22') for (const weight of ['1', '2']) next.delete(weight);
    else if (one === '39') for (const colour of Object.keys(COLOURS)) next.delete(colour);
    else next.add(one);
  }
  return next;
}

function look(codes: ReadonlySet<string>): string {
  const colour = Object.keys(COLOURS).find((code) => codes.has(code));
  return [
    colour === undefined ? '' : ` fill="${COLOURS[colour]}"`,
    codes.has('1') ? ' font-weight="700"' : '',
    codes.has('2') ? ' fill-opacity="0.55"' : '',
  ].join('');
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { data: { type: 'string', default: '.patchwright' } },
    allowPositionals: true,
  });
  const store = await openStore({ data: values.data, config: 'patchwright.yaml', json: false });
  const view = await releaseShow(store.db, positionals[0] ?? 'latest');
  process.stdout.write(terminalSvg(releaseShowText(view, { colour: true, columns: 104 })));
  await store.close();
}
