import type { GateInput } from '../decisions/gate/types.ts';
import { type Line, type Panel, panelsOf } from '../decisions/gate-series.ts';
import { oneLine } from '../lib/plain-text.ts';

const [WIDTH, HEIGHT, COLUMNS] = [380, 130, 2];
const PLOT = { left: 48, right: 12, top: 24, bottom: 20 };
const COLOURS: Record<Line['role'], string> = {
  wave: '#c2410c',
  carrier: '#a78bfa',
  peer: '#64748b',
  clients: '#0f766e',
};

/** What a gate judged, before the roll and after it: a panel a figure. Plain SVG, no script, nothing from elsewhere. */
export function gateSvg(title: string, input: GateInput): string {
  const panels = panelsOf(input);
  const rows = Math.max(1, Math.ceil(panels.length / COLUMNS));
  const [width, height] = [WIDTH * COLUMNS, rows * HEIGHT + 44];
  const body = panels.map((panel, index) => {
    const [x, y] = [(index % COLUMNS) * WIDTH, 40 + Math.floor(index / COLUMNS) * HEIGHT];
    return `<g transform="translate(${x} ${y})">${panelSvg(panel, input)}</g>`;
  });
  const legend =
    'orange: nodes of the wave · grey: peers · violet: carriers of the candidate · green: clients · shaded: before the roll';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11">`,
    '<rect width="100%" height="100%" fill="#fff"/>',
    text(12, 18, title, 'font-weight="bold" font-size="13"'),
    text(12, 33, legend, 'fill="#64748b"'),
    ...body,
    '</svg>',
    '',
  ].join('\n');
}

function panelSvg({ title, unit, limit, lines }: Panel, input: GateInput): string {
  const points = lines.flatMap((line) => line.points);
  const times = points.map(([at]) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(...points.map(([, value]) => value), 0) || 1;
  // A limit far above would press everything that happened into the ground.
  const top = limit !== undefined && limit <= most * 20 ? Math.max(most, limit) * 1.05 : most * 1.05;
  const [inner, high] = [WIDTH - PLOT.left - PLOT.right, HEIGHT - PLOT.top - PLOT.bottom];
  const x = (at: number) => fixed(PLOT.left + (inner * (at - from)) / Math.max(1, to - from));
  const y = (value: number) => fixed(PLOT.top + high * (1 - value / top));
  const ended = input.before.at(-1)?.atMs ?? from;
  const limitLine =
    limit !== undefined && limit <= top
      ? `<path d="M${PLOT.left} ${y(limit)}h${inner}" stroke="#dc2626" stroke-dasharray="4 3"/>`
      : '';
  return [
    text(
      PLOT.left,
      14,
      `${title}${unit ? `, ${unit}` : ''}${limit === undefined ? '' : ` (limit ${Math.round(limit)})`}`,
    ),
    `<rect x="${PLOT.left}" y="${PLOT.top}" width="${fixed(Math.max(0, Number(x(Math.max(from, ended))) - PLOT.left))}" height="${high}" fill="#f1f5f9"/>`,
    `<path d="M${PLOT.left} ${PLOT.top}v${high}h${inner}" fill="none" stroke="#94a3b8"/>`,
    text(PLOT.left - 4, PLOT.top + 8, short(top), 'text-anchor="end" fill="#64748b"'),
    text(PLOT.left - 4, PLOT.top + high, '0', 'text-anchor="end" fill="#64748b"'),
    text(PLOT.left + inner, HEIGHT - 6, `${Math.round((to - from) / 1000)} s`, 'text-anchor="end" fill="#64748b"'),
    limitLine,
    ...lines.map((line) => lineSvg(line, ended, x, y)),
  ].join('');
}

/** Two strokes: nobody looked while the wave rolled. */
function lineSvg(
  { source, role, points }: Line,
  ended: number,
  x: (at: number) => string,
  y: (v: number) => string,
): string {
  const strokes = [points.filter(([at]) => at <= ended), points.filter(([at]) => at > ended)];
  return strokes
    .filter((stroke) => stroke.length > 0)
    .map((stroke) => {
      const path = stroke.map(([at, value]) => `${x(at)},${y(value)}`).join(' ');
      return `<polyline points="${path}" fill="none" stroke="${COLOURS[role]}" stroke-width="1.4"><title>${escapeXml(source)}</title></polyline>`;
    })
    .join('');
}

const fixed = (value: number) => value.toFixed(1);
const short = (value: number) => (value >= 10_000 ? value.toExponential(1) : String(Number(value.toPrecision(2))));
const text = (x: number, y: number, words: string, more = '') =>
  `<text x="${x}" y="${y}" ${more}>${escapeXml(words)}</text>`;

function escapeXml(words: string): string {
  return oneLine(words, 200).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
