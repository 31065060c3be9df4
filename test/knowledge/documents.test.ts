import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chunksOf } from '../../activities/knowledge/chunks.ts';
import { type Document, documentOf, originOf, type Skipped } from '../../activities/knowledge/document.ts';
import { readFolder } from '../../activities/knowledge/folder.ts';
import { fetchRepository, readCommit } from '../../activities/knowledge/repository.ts';
import type { KnowledgeSource } from '../../config/knowledge.ts';
import { run } from '../../lib/run.ts';
import { makeRepository } from '../release/repository.ts';

const ORIGIN = '0'.repeat(32);
const cut = (path: string, text: string, kind: KnowledgeSource['kind'] = 'docs') =>
  chunksOf(documentOf(path, text) as Document, { origin: ORIGIN, kind });
const nothingSkipped = (): Skipped => ({ large: 0, binary: 0, links: 0, beyond: 0 });
const source = (more: Partial<KnowledgeSource>): KnowledgeSource => ({
  ...{ name: 'a', kind: 'docs', paths: [], readers: 'everyone', ...more },
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pw-knowledge-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function write(files: Record<string, string | Buffer>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
}

async function all(documents: AsyncIterable<Document>): Promise<Document[]> {
  const found: Document[] = [];
  for await (const document of documents) found.push(document);
  return found;
}

describe('a document is cut', () => {
  test('by its headings, each chunk with the lines where it stands', () => {
    const chunks = cut(
      'a.md',
      '# Top\nintro\n\n## One\nfirst\n\n```sh\n# no heading\nrun\n```\n## Two\n### Deep\nlast\n',
    );
    expect(chunks.map(({ title, fromLine, toLine }) => [title, fromLine, toLine])).toEqual([
      ['Top', 1, 2],
      ['Top › One', 4, 10],
      ['Top › Two › Deep', 12, 13],
    ]);
    expect(chunks[1]?.text).toContain('# no heading\nrun');
  });

  test('where a section is long, between paragraphs; a line without an end too', () => {
    const paragraph = `${'word '.repeat(80)}\n\n`;
    const chunks = cut('a.md', `# Long\n${paragraph.repeat(20)}${'x'.repeat(5_000)}`);
    expect(chunks.length).toBeGreaterThan(6);
    for (const { text } of chunks) expect(text.length).toBeLessThanOrEqual(1_900);
    expect(chunks.at(-1)).toMatchObject({ fromLine: 42, toLine: 42, title: 'Long' });
  });

  test.each([
    ['reStructuredText', 'a.rst', 'Title\n=====\ntext\n\nUnder\n-----\nmore text\n'],
    ['AsciiDoc', 'a.adoc', '= Title\ntext\n\n== Under\nmore text\n'],
    [
      'HTML',
      'a.html',
      '<html><h1>Title</h1>\n<p>text</p>\n<script>evil\n()</script>\n<h2 id="x">Under</h2>\nmore &lt;text&gt;',
    ],
  ])('%s by its own headings', (_, path, text) => {
    expect(cut(path, text).map(({ title }) => title)).toEqual(['Title', 'Title › Under']);
    expect(JSON.stringify(cut(path, text))).not.toContain('evil');
  });

  test('and keeps its id while its words stand in the same lines', () => {
    const ids = (text: string) => cut('a.md', text).map(({ id }) => id);
    const before = ids('# A\none\n# B\ntwo\n');
    expect(ids('# A\none\n# B\ntwo\n')).toEqual(before);
    expect(ids('# A\none\n# B\nthree\n')[0]).toBe(before[0]);
    expect(ids('# A\none\n# B\nthree\n')[1]).not.toBe(before[1]);
  });

  test('of code the outline: what it declares, and what is said of it', () => {
    const [chunk] = cut(
      'Raft.java',
      'package a;\n\n/**\n * Elects a leader.\n */\n@Thing\npublic class Raft {\n  private int secretCount = 3;\n  /** Asks for votes. */\n  public void vote(int epoch) {\n    count += 1;\n  }\n}\n',
      'code',
    );
    expect(chunk?.text).toContain('Elects a leader.');
    expect(chunk?.text).toContain('public void vote(int epoch)');
    expect(chunk?.text).not.toContain('count += 1');
  });
});

test('secrets are taken out before anything is kept, and lines stay where they are', () => {
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEabc\n'.repeat(5)}-----END RSA PRIVATE KEY-----`;
  const chunks = cut(
    'a.md',
    `# Keys\n${key}\n# After\nAKIAQWERTYUIOPASDFGH is ours, ghp_0123456789abcdefghij0123456789abcdef too\n`,
  );
  const kept = JSON.stringify(chunks);
  for (const secret of ['MIIEabc', 'AKIAQWERTYUIOPASDFGH', 'ghp_0123456789']) expect(kept).not.toContain(secret);
  expect(chunks.at(-1)).toMatchObject({ title: 'After', fromLine: 9, toLine: 10 });
});

test('what a terminal obeys or nobody sees is taken out', () => {
  const [chunk] = cut('a.md', 'one \u001b[31mred\u001b[0m\u202e two\u200b\n');
  expect(chunk?.text).toBe('one red two');
});

test.each([
  ['a.html', '<a'.repeat(450_000)],
  ['a.html', '<!--<script><h1 '.repeat(60_000)],
  ['a.md', '#'.repeat(900_000)],
  ['a.md', '# \n=\n'.repeat(150_000)],
  ['a.md', '-'.repeat(900_000)],
  ['a.md', '-----BEGIN RSA PRIVATE KEY-----'.repeat(30_000)],
  ['a.md', 'aB'.repeat(450_000)],
  ['a.java', `public ${'static x '.repeat(100_000)}`],
  ['a.java', `${`public ${'aaaa '.repeat(70)}\n`.repeat(2_500)}`],
])('a hostile text (%s) is cut like any other', (path, text) => {
  const chunks = cut(path, text, path.endsWith('.java') ? 'code' : 'docs');
  expect(chunks.length).toBeLessThanOrEqual(2_000);
});

test('who may read it is no part of what a source is', () => {
  const folder = source({ folder: '/srv/a' });
  expect(originOf({ ...folder, readers: ['ada'] })).toBe(originOf(folder));
  expect(originOf({ ...folder, folder: '/srv/b' })).not.toBe(originOf(folder));
});

describe('a folder', () => {
  test('gives its texts; links, binaries, pipes and what is too large or hidden are left out', async () => {
    write({
      'outside/secret.md': 'not yours',
      'docs/a.md': '# A',
      'docs/deep/b.txt': 'B',
      'docs/.hidden/c.md': 'hidden',
      'docs/node_modules/d.md': 'others’',
      'docs/large.md': 'x'.repeat(1_000_001),
      'docs/binary.md': Buffer.from([0x23, 0, 0xff, 0xfe]),
      'docs/latin.md': Buffer.from([0x63, 0x61, 0x66, 0xe9]),
      'docs/picture.png': 'no text',
    });
    symlinkSync(join(dir, 'outside/secret.md'), join(dir, 'docs/link.md'));
    symlinkSync(join(dir, 'outside'), join(dir, 'docs/linked'));
    execFileSync('mkfifo', [join(dir, 'docs/pipe.md')]);
    const skipped = nothingSkipped();
    const found = await all(readFolder({ ...source({}), folder: join(dir, 'docs') }, skipped));
    expect(found.map(({ path }) => path)).toEqual(['a.md', 'deep/b.txt']);
    expect(skipped).toEqual({ large: 1, binary: 2, links: 2, beyond: 0 });
  });

  test('by paths, none of which leads out by a link', async () => {
    write({ 'outside/secret.md': 'not yours', 'docs/in/a.md': '# A', 'docs/b.md': '# B', 'docs/c.md': '# C' });
    symlinkSync(join(dir, 'outside'), join(dir, 'docs/linked'));
    const skipped = nothingSkipped();
    const paths = ['in', 'b.md', 'linked', 'linked/secret.md'];
    const found = await all(readFolder({ ...source({ paths }), folder: join(dir, 'docs') }, skipped));
    expect(found.map(({ path }) => path)).toEqual(['in/a.md', 'b.md']);
    expect(skipped.links).toBe(2);
  });
});

test('a repository gives the texts of a commit out of a bare clone; links, submodules and binaries are left out', async () => {
  const { git, commit } = makeRepository(join(dir, 'repo'));
  symlinkSync('/etc/passwd', join(dir, 'repo/link.md'));
  writeFileSync(join(dir, 'repo/binary.md'), Buffer.from([0x23, 0x20, 0xff, 0xfe, 0x00, 0x01]));
  writeFileSync(join(dir, 'repo/.gitattributes'), '*.md diff=evil filter=evil\n');
  git('config', 'diff.evil.textconv', `touch ${join(dir, 'ran')} && cat`);
  const id = commit({ 'docs/ä b.md': '# Umlaut\nsüß\n', 'docs/b.md': '# B', 'src/A.java': 'public class A {}' }, 'one');
  git('tag', 'v1');
  commit({ 'docs/b.md': '# Later' }, 'two');
  const tools = { run, environment: { PATH: process.env.PATH ?? '' } };
  const place = { mirror: join(dir, 'mirror.git'), repository: join(dir, 'repo'), ref: 'v1' };
  expect(await fetchRepository(tools, place)).toBe(id);
  const skipped = nothingSkipped();
  const read = { mirror: place.mirror, commit: id };
  const found = await all(readCommit(tools, { ...read, source: source({}) }, skipped));
  expect(found.map(({ path, text }) => [path, text])).toEqual([
    ['docs/b.md', '# B'],
    ['docs/ä b.md', '# Umlaut\nsüß\n'],
  ]);
  expect(found[0]?.commit).toBe(id);
  expect(skipped).toMatchObject({ links: 1, binary: 1 });
  const code = await all(readCommit(tools, { ...read, source: source({ kind: 'code', paths: ['src'] }) }, skipped));
  expect(code.map(({ path }) => path)).toEqual(['src/A.java']);
});
