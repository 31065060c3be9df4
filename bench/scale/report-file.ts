/** One in so many units has a test that fails, on candidate and base alike. */
const FAILS_EVERY = 500;
const TESTS = 10;

export const unitName = (index: number) =>
  `org.example.p${String(Math.floor(index / 100)).padStart(4, '0')}.Unit${String(index).padStart(6, '0')}Test`;

/** A report as Surefire writes it: ten tests, what they printed, and about as many bytes as are asked for. */
export function reportOf(unit: string, bytes: number): string {
  const index = Number(/Unit(\d+)Test$/.exec(unit)?.[1] ?? 0);
  const tests = Array.from({ length: TESTS }, (_, i) => {
    const open = `<testcase classname="${unit}" name="method${i}" time="0.00${i}"`;
    if (i !== 3 || index % FAILS_EVERY !== 7) return `${open}/>`;
    return `${open}><failure type="java.lang.AssertionError" message="expected ${index}">at ${unit}.method${i}</failure></testcase>`;
  });
  const head = `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="${unit}" tests="${TESTS}">\n${tests.join('\n')}\n<system-out><![CDATA[`;
  const line = `2026-01-01 12:00:00,000 INFO ${unit} does what it does, and says so at some length\n`;
  const foot = ']]></system-out>\n</testsuite>\n';
  return head + line.repeat(Math.max(0, Math.ceil((bytes - head.length - foot.length) / line.length))) + foot;
}
