import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readSecret } from '../config/env.ts';
import { verifyAudit } from '../store/audit.ts';
import { openArtifacts } from '../store/open-artifacts.ts';
import {
  answerLines,
  approvalLines,
  decide,
  newToken,
  ofTicket,
  showApproval,
  type Wanted,
  waitingFor,
  waitingLines,
} from './commands/approvals.ts';
import { auditLines, showAudit } from './commands/audit.ts';
import { takePage } from './commands/page.ts';
import { requireFixReader } from './commands/ticket-readers.ts';
import { connect, type Globals, openStore, settingsOf } from './context.ts';
import type { Register } from './main.ts';
import { print } from './output.ts';

export const addApprovalCommands: Register = (program, run) => {
  program
    .command('approvals')
    .description('what waits for a decision: yours first, the riskiest of them first')
    .option('--show <id>', 'all of one question: every line of its change')
    .action(({ show }: { show?: string }, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          if (show !== undefined) {
            const artifacts = await artifactsOf(globals);
            const view = await showApproval({ db: store.db, artifacts }, show);
            for (const of of ofTicket(view)) await requireFixReader(store.db, settingsOf(globals), of);
            print(globals, view, approvalLines(view));
            return 0;
          }
          const { waiting, others } = await waitingFor(store.db, settingsOf(globals));
          print(globals, waiting, waitingLines(waiting, others));
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
  program
    .command('approve')
    .argument('<id>')
    .requiredOption('--digest <sha>', 'of exactly what you approve, as it was shown; at least 12 digits')
    .option('--note <text>')
    .description('say yes, with your own token in PATCHWRIGHT_TOKEN')
    .action((id: string, options: { digest: string; note?: string }, command: Command) =>
      run(command, (globals) => deciding(globals, { id, ...options, decision: 'approve' })),
    );
  program
    .command('reject')
    .argument('<id>')
    .requiredOption('--digest <sha>', 'of what you reject')
    .requiredOption('--note <text>', 'why; it is said in the thread of what is asked')
    .option(
      '--changes',
      'ask for changes instead: the reason goes to the agent that made it (fixes and repairs alone)',
      false,
    )
    .description('say no, with your own token in PATCHWRIGHT_TOKEN')
    .action(
      (id: string, { changes, ...options }: { digest: string; note: string; changes: boolean }, command: Command) =>
        run(command, (globals) => deciding(globals, { id, ...options, decision: changes ? 'changes' : 'reject' })),
    );
  addPeople(program, run);
  addPages(program, run);
  addAudit(program, run);
};

const artifactsOf = (globals: Globals) =>
  openArtifacts(settingsOf(globals).artifacts, { dataDir: resolve(globals.data), readSecret });

async function deciding(globals: Globals, wanted: Wanted): Promise<number> {
  const settings = settingsOf(globals);
  const connected = await connect(globals);
  try {
    const answer = await decide(connected, settings, wanted);
    print(globals, answer, answerLines(answer));
    return answer.kind === 'refused' ? 1 : 0;
  } finally {
    await connected.close();
  }
}

const addPages: Register = (program, run) => {
  program
    .command('page')
    .description('what somebody was called for')
    .command('ack')
    .argument('<id>', 'as the call names it: RELEASE/N/ENVIRONMENT')
    .description('say that you have it: nobody is called any more')
    .action((id: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const settings = settingsOf(globals);
        const connected = await connect(globals);
        try {
          const taken = await takePage(connected.client, settings, id);
          print(globals, taken, [`${taken.by} has ${id} since ${taken.at}`]);
          return 0;
        } finally {
          await connected.close();
        }
      }),
    );
};

const addPeople: Register = (program, run) => {
  program
    .command('people')
    .description('who may decide')
    .command('token')
    .argument('<name>', 'a person of the configuration')
    .description('a new token for this person, shown once; the one before is no longer valid')
    .action((name: string, _: object, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const issued = await newToken(store.db, settingsOf(globals), name);
          print(globals, issued, [issued.token, `for ${name} alone, as PATCHWRIGHT_TOKEN; it is not shown again`]);
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
};

const addAudit: Register = (program, run) => {
  const audit = program.command('audit').description('every decision, refusal, brake and waiver');
  audit
    .command('verify')
    .option('--head <hash>', 'that you noted elsewhere: the audit must still have it')
    .description('follow the chain of hashes from its first row')
    .action(({ head }: { head?: string }, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const check = await verifyAudit(store.db, head);
          const words =
            check.kind === 'whole' ? `whole: ${check.rows} rows; note its head elsewhere: ${check.head}` : check.reason;
          print(globals, check, [words]);
          return check.kind === 'whole' ? 0 : 1;
        } finally {
          await store.close();
        }
      }),
    );
  audit
    .command('show')
    .argument('[about]', 'an approval, an environment, a person')
    .option('--limit <n>', 'so many, the newest first', '50')
    .description('what is in it; words about a ticket are for whoever may read that')
    .action((about: string | undefined, { limit }: { limit: string }, command: Command) =>
      run(command, async (globals) => {
        const store = await openStore(globals);
        try {
          const wanted = { ...(about !== undefined && { about }), limit: Math.min(10_000, Number(limit) || 50) };
          const rows = await showAudit(store.db, settingsOf(globals), wanted);
          print(globals, rows, auditLines(rows));
          return 0;
        } finally {
          await store.close();
        }
      }),
    );
};
