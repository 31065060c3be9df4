import type { Finding, Part } from './part.ts';
import type { Progress } from './progress.ts';

export interface Diagnosis {
  /** True when nothing that is required is missing, or can only be fetched by hand. */
  ready: boolean;
  parts: (Finding & { name: string; neededBy: string; required: boolean })[];
}

/**
 * Looks at every part. Changes nothing, unless `fix`: then what
 * Patchwright can fetch by itself is fetched first.
 */
export async function diagnose(parts: readonly Part[], progress: Progress, { fix = false } = {}): Promise<Diagnosis> {
  const findings: Diagnosis['parts'] = [];
  for (const part of parts) {
    const { name, neededBy, required } = part;
    let finding = await part.probe();
    if (fix && finding.kind === 'missing' && finding.byItself) {
      await part.ensure(progress);
      finding = await part.probe();
    }
    findings.push({ name, neededBy, required, ...finding });
  }
  const stopped = (part: Diagnosis['parts'][number]) => part.kind === 'missing' && part.required && !part.byItself;
  return { ready: !findings.some(stopped), parts: findings };
}

/** 3 when this machine lacks something that Patchwright cannot get by itself. */
export function diagnosisStatus({ ready }: Diagnosis): 0 | 3 {
  return ready ? 0 : 3;
}

/** For people: one part a line, and beneath what is missing the command that gets it. */
export function diagnosisLines({ parts, ready }: Diagnosis): string[] {
  const rows = parts.map((part) => [markOf(part), part.name, versionOf(part), `for ${part.neededBy}`] as const);
  const width = (column: 1 | 2) => Math.max(...rows.map((row) => row[column].length));
  const lines = rows.flatMap(([mark, name, version, needed], index) => {
    const line = `${mark} ${name.padEnd(width(1))}  ${version.padEnd(width(2))}  ${needed}`;
    const part = parts[index];
    const indent = ' '.repeat(4);
    if (part?.kind === 'missing') return [line, `${indent}${part.why}; get it: ${part.get}`];
    return part ? [line, `${indent}${part.where}`] : [line];
  });
  const verdict = ready ? 'What is needed is here, or is fetched on the first start.' : 'Something is missing.';
  return [...lines, verdict];
}

function markOf(part: Diagnosis['parts'][number]): string {
  if (part.kind === 'found') return '✓';
  return part.required && !part.byItself ? '✗' : '–';
}

function versionOf(part: Diagnosis['parts'][number]): string {
  if (part.kind === 'found') return part.version;
  return part.byItself ? 'on first start' : 'missing';
}
