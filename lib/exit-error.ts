/** design.md: 1 the answer is no · 2 wrong usage or configuration · 3 this machine lacks something · 4 failed. */
export type ExitStatus = 0 | 1 | 2 | 3 | 4;

/** An error whose message is for the user as it is, and which ends the program with this status. */
export class ExitError extends Error {
  readonly exitStatus: ExitStatus;

  constructor(exitStatus: ExitStatus, message: string) {
    super(message);
    this.name = 'ExitError';
    this.exitStatus = exitStatus;
  }
}
