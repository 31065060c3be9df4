import { type Logger, pino } from 'pino';
import { redact, redactJson } from './redact.ts';

/** Fields that every line about them carries, so that one release or ticket can be followed through all processes. */
export type LogFields = { release?: string; ticket?: string; key?: string; [field: string]: unknown };

// Standard output belongs to documents (`--json`); everything that tells goes to standard error.
let root = openLog('info', { fd: 2, sync: true });

function openLog(level: string, destination: Parameters<typeof pino.destination>[0]): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      // Written out below already.
      serializers: { err: (fields: unknown) => fields },
      hooks: {
        // Before it is JSON: there a quote is escaped, and no rule would know a password between quotes.
        logMethod(args, method) {
          method.apply(this, args.map(withoutSecrets) as typeof args);
        },
      },
    },
    pino.destination(destination),
  );
}

/** A message, or the fields beside it; an error as pino writes it. */
function withoutSecrets(given: unknown): unknown {
  if (typeof given === 'string') return redact(given);
  if (given instanceof Error) return { err: errorFields(given) };
  if (given === null || typeof given !== 'object') return given;
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      value instanceof Error ? errorFields(value) : redactJson(value),
    ]),
  );
}

const errorFields = (error: Error) => redactJson({ ...pino.stdSerializers.err(error) });

/** Sets the level once, at start (`config/env.ts` reads it). */
export function setLogLevel(level: string): void {
  root.level = level;
}

/** Replaces the destination: the CLI shows a story on its terminal and sends logs to a file. */
export function logTo(file: string): void {
  root = openLog(root.level, { dest: file, sync: true, mkdir: true });
}

/** A structured logger for one room. `name` says which (`suite-runner`, `git`). */
export function logger(name: string, fields: LogFields = {}): Logger {
  return root.child({ name, ...fields });
}
