/**
 * Faults as a patch brings them in: a few lines at the top of a class, whose tests make one object each. They are put
 * into the published sources when the proof runs.
 */
export type FaultKind = (typeof FAULT_KINDS)[number];

export const FAULT_KINDS = [
  'always',
  'hang',
  'race-50',
  'race-10',
  'order',
  'load',
  'static-initialiser',
  'leak',
  'pair',
] as const;

/** What every fault says where it gets to say anything. */
export const MARK = 'seeded fault';

/** The class whose presence makes the second patch of a pair fail. */
export const LEFT = {
  path: 'org/apache/kafka/common/utils/ProofOfLeft.java',
  text: 'package org.apache.kafka.common.utils;\n\n/** Harmless alone. */\npublic final class ProofOfLeft {\n}\n',
};

const fail = (why: string) => `throw new IllegalStateException("${MARK}: ${why}");`;
const NOW = 'System.nanoTime() != 0';

/** Java for the body of a class. `onlyIn`: a test method outside of which nothing happens. `size`: of what it counts. */
export function faultCode(kind: FaultKind, { onlyIn, size }: { onlyIn: string | undefined; size: number }): string {
  const guarded = (code: string) => (onlyIn === undefined ? code : `if (proofIn("${onlyIn}")) { ${code} }`);
  return `${statics(kind)}\n    { ${guarded(perObject(kind, size))} }\n${onlyIn === undefined ? '' : IN}`;
}

function perObject(kind: FaultKind, size: number): string {
  switch (kind) {
    case 'always':
      return `if (${NOW}) ${fail('broken for good')}`;
    case 'hang':
      return `while (${NOW}) { try { Thread.sleep(1000); } catch (InterruptedException goesOn) { Thread.interrupted(); } }`;
    case 'race-50':
    case 'race-10':
      return `if (java.util.concurrent.ThreadLocalRandom.current().nextInt(100) < ${kind === 'race-50' ? 50 : 10}) ${fail('a race was lost')}`;
    case 'order':
      return `if (PROOF_MADE.incrementAndGet() > ${size}) ${fail('an earlier test left something behind')}`;
    case 'load':
      // Half of the time this thread did not get: somebody else had the core.
      return `java.lang.management.ThreadMXBean threads = java.lang.management.ManagementFactory.getThreadMXBean();
      long cpu = threads.getCurrentThreadCpuTime(), wall = System.nanoTime();
      while (threads.getCurrentThreadCpuTime() - cpu < 20_000_000L) { wall += 0; }
      if (System.nanoTime() - wall > 40_000_000L) ${fail('too slow under load')}`;
    case 'static-initialiser':
      return '';
    case 'leak':
      return `for (int i = 0; i < ${size}; i++) PROOF_KEPT.add(new byte[100 << 20]);`;
    case 'pair':
      return `boolean both;
      try { Class.forName("org.apache.kafka.common.utils.ProofOfLeft"); both = true; } catch (ClassNotFoundException absent) { both = false; }
      if (both) ${fail('two patches do not agree')}`;
  }
}

function statics(kind: FaultKind): string {
  if (kind === 'static-initialiser') return `\n    static { if (${NOW}) ${fail('cannot be set up')} }`;
  if (kind === 'order')
    return '\n    private static final java.util.concurrent.atomic.AtomicInteger PROOF_MADE = new java.util.concurrent.atomic.AtomicInteger();';
  if (kind === 'leak')
    return '\n    private static final java.util.List<byte[]> PROOF_KEPT = new java.util.ArrayList<>();';
  return '';
}

const IN = `
    private static boolean proofIn(String test) {
        for (StackTraceElement frame : new Throwable().getStackTrace()) {
            if (frame.getMethodName().equals(test)) return true;
        }
        return false;
    }
`;

/** The class with this at its top. @throws where the file has no class of that name. */
export function withFault(text: string, className: string, code: string): string {
  const head = new RegExp(`^public (?:final |abstract )*class ${className}\\b[^{]*\\{`, 'm').exec(text);
  if (!head) throw new Error(`${className} is no public class`);
  const at = head.index + head[0].length;
  return `${text.slice(0, at)}${code}${text.slice(at)}`;
}
