import { describe, expect, test } from 'vitest';
import { fitLayers, LAYERS, type LayerName } from '../../decisions/agent-context.ts';
import { outlineOf, outlineText } from '../../decisions/code-outline.ts';
import { ownersOf } from '../../decisions/code-owners.ts';

const JAVA = `/* class Not { } */
package x;
import java.util.*; // class Neither {
@SuppressWarnings({"unchecked", "a } b"})
public final class Pool<T extends Comparable<T>> extends Base implements AutoCloseable {
  private static final String BRACE = "} class Fake {";
  private static final char C = '}';
  static { run(); }
  private final Runnable r = () -> { int x = 1; class Local { void no() {} } };
  private int count = max(1, 2);

  public Pool(int size,
              String name) throws IOException {
    if (size > 0) { for (int i = 0; i < size; i++) { add(i); } }
  }

  @Override
  @Deprecated
  public <K> Map<K, List<T>> take(final K key, long timeoutMs) {
    String text = """
        class InText { void no() {} }
        """;
    return new HashMap<>() { @Override public int size() { return 0; } };
  }

  interface Listener {
    void closed(Pool<?> pool);
    default boolean quiet() { return true; }
  }

  enum State { OPEN(1), CLOSED(2) { @Override int code() { return 3; } }; State(int code) {} int code() { return 1; } }
  record Pair(int a, int b) {}
  abstract int hook();
}
`;

describe('an outline of Java', () => {
  test('has types and methods with their lines, and nothing of bodies, comments and strings', () => {
    expect(outlineOf('Pool.java', JAVA).map(({ line, depth, text }) => `${line} ${depth} ${text}`)).toEqual([
      '5 0 public final class Pool<T extends Comparable<T>> extends Base implements AutoCloseable',
      '12 1 public Pool(int size, String name) throws IOException',
      '19 1 public <K> Map<K, List<T>> take(final K key, long timeoutMs)',
      '26 1 interface Listener',
      '27 2 void closed(Pool<?> pool)',
      '28 2 default boolean quiet()',
      '31 1 enum State',
      '31 2 State(int code)',
      '31 2 int code()',
      '32 1 record Pair(int a, int b)',
      '33 1 abstract int hook()',
    ]);
  });

  test.each([
    ['nothing', ''],
    ['no end', 'class A { void b() { "'],
    ['too many ends', '}}}} class A { void b() {} }'],
    ['a comment without an end', 'class A { /* '],
    ['only parentheses', '('.repeat(100_000)],
    ['only quotes', '"\n'.repeat(50_000)],
    ['an endless annotation', `@A(${'('.repeat(50_000)}`],
    ['an endless head', `class A { ${'x '.repeat(100_000)} (int a) {} }`],
    ['slashes', '/'.repeat(300_000)],
  ])('%s comes to an end', (_, text) => {
    expect(outlineOf('A.java', text).length).toBeLessThan(400);
  });
});

test.each([
  [
    'a.scala',
    'sealed trait A {\n  override def b(x: Int): Int = 1\n  val c = 2\n}',
    ['sealed trait A', 'override def b(x: Int): Int = 1'],
  ],
  ['a.kt', 'data class A(val x: Int)\n    suspend fun b() {', ['data class A(val x: Int)', 'suspend fun b()']],
  ['a.py', 'class A(B):\n    async def c(self):\n        x = 1', ['class A(B)', 'async def c(self)']],
  ['a.go', 'type A struct {\nfunc (a *A) B() error {\n\tx := 1', ['type A struct', 'func (a *A) B() error']],
  [
    'a.ts',
    'export class A {\n  private async b(x: string): Promise<void> {\n    if (x) {',
    ['export class A', 'private async b(x: string): Promise<void>'],
  ],
  ['a.txt', 'class A {}', []],
])('%s declares', (path, text, declared) => {
  expect(outlineOf(path, text).map((one) => one.text)).toEqual(declared);
});

test('an outline is told with its lines', () => {
  expect(outlineText('A.java', outlineOf('A.java', 'class A {\n  void b() {}\n}'))).toBe(
    'A.java\n    1 class A\n    2   void b()',
  );
});

describe('owners', () => {
  const file = `# all\n*  @all\n*.md @docs\n/build/ @build\napps/ @apps\n/docs/* @top\n**/logs @logs\nsrc/secret\n[section]\nx\\ y @no\n`;
  test.each([
    ['Any.java', ['@all']],
    ['a/b/README.md', ['@docs']],
    ['build/x/y', ['@build']],
    ['sub/build/x', ['@all']],
    ['sub/apps/x', ['@apps']],
    ['docs/x', ['@top']],
    ['docs/x/y', ['@all']],
    ['deep/logs/z', ['@logs']],
    ['src/secret/x', []],
  ])('of %s are %j', (path, owners) => {
    expect(ownersOf(file, [path])).toEqual([{ path, owners }]);
  });
  test('a pattern that tries to be more than one is no more', () => {
    expect(ownersOf(`(a+)+$ @x\n${'*'.repeat(600)} @y\n`, ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'])).toMatchObject([
      { owners: [] },
    ]);
  });
});

describe('layers', () => {
  const empty = Object.fromEntries(Object.keys(LAYERS).map((name) => [name, ''])) as Record<LayerName, string>;
  test('are six, in their order, and one that is too long is cut at a line and says so', () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `line ${i}`).join('\n');
    const { text, given } = fitLayers({ ...empty, changed: lines, memory: 'none yet' });
    expect(given.map(({ layer }) => layer)).toEqual([
      'changed',
      'annotations',
      'outline',
      'runbooks',
      'memory',
      'status',
    ]);
    const [changed] = given;
    expect(changed).toMatchObject({ of: lines.length, budget: LAYERS.changed.budget });
    expect(changed?.characters).toBeLessThanOrEqual(LAYERS.changed.budget);
    expect(text).toMatch(/line \d+\n… \d+ of 18889 characters left out/);
    expect(text).toContain('## Memory\nnone yet');
    expect(text.length).toBeLessThan(Object.values(LAYERS).reduce((sum, { budget }) => sum + budget + 200, 0));
  });
  test('one endless line is cut too, and no character is halved', () => {
    const { text, given } = fitLayers({ ...empty, memory: '😀'.repeat(2_000) });
    expect(given[4]?.characters).toBeLessThanOrEqual(LAYERS.memory.budget);
    expect(text.isWellFormed()).toBe(true);
  });
});
