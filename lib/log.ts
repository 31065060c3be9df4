import { type Logger, pino } from 'pino';

/** Fields that every line about them carries, so that one release or ticket can be followed through all processes. */
export type LogFields = { release?: string; ticket?: string; key?: string; [field: string]: unknown };

// Standard output belongs to documents (`--json`); everything that tells goes to standard error.
let root = pino(
  { level: 'info', base: null, timestamp: pino.stdTimeFunctions.isoTime },
  pino.destination({ fd: 2, sync: true }),
);

/** Sets the level once, at start (`config/env.ts` reads it). */
export function setLogLevel(level: string): void {
  root.level = level;
}

/** Replaces the destination: the CLI shows a story on its terminal and sends logs to a file. */
export function logTo(file: string): void {
  root = pino(
    { level: root.level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: file, sync: true, mkdir: true }),
  );
}

/** A structured logger for one room. `name` says which (`suite-runner`, `git`). */
export function logger(name: string, fields: LogFields = {}): Logger {
  return root.child({ name, ...fields });
}
