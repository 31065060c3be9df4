import { buildExcerpt } from '../../decisions/build-failure.ts';
import type { Git } from '../../git/clone.ts';
import { lastBuiltBase } from '../../store/agent-context.ts';
import type { Db } from '../../store/database.ts';
import type { AgentSubject } from '../../workflows/agent-types.ts';
import { type HeldBy, LAYER } from './brief.ts';
import type { Evidence } from './evidence.ts';
import { asShown } from './tools.ts';

type Held = {
  db: Db;
  git: Git;
  evidence: Evidence;
  subject: AgentSubject;
  held: HeldBy;
  /** What code says of it, a sentence each. */
  said?: readonly string[];
};

const MOST_COMMITS = 20;
/** Of what upstream did meanwhile, beside what was said. */
const UPSTREAM = 2_500;

/** What a diagnosis is about, as code has it: the verdict, what was said, and what upstream did where that may be why. */
export async function heldWords(at: Held): Promise<string> {
  const { evidence, subject, held, said = [] } = at;
  if (held === 'verdict') return asShown(await evidence.read(subject, 'verdict'));
  const log = subject.log === undefined ? '' : asShown(await evidence.read(subject, 'log'));
  if (held === 'conflict') return log;
  if (held === 'build') return buildExcerpt(log, LAYER - 200);
  const upstream = asShown(await upstreamWords(at)).slice(0, UPSTREAM);
  const left = LAYER - upstream.length - 300;
  if (held === 'base') return [buildExcerpt(log, left), upstream].join('\n\n');
  const printed = held === 'check' ? [`What the check printed:\n${log.trim() || 'nothing'}`] : [];
  return [[asShown(said.join('\n')), ...printed].join('\n\n').slice(0, left), upstream].join('\n\n');
}

/** What upstream did since the patch, or the base that was last built. Where it is not known here it says so. */
async function upstreamWords({ db, git, held, subject }: Held): Promise<string> {
  const { fork, base, old } = subject;
  if (held === 'base') {
    const last = await lastBuiltBase(db, fork, base);
    if (last === undefined) return 'No base of this fork was built before, as far as is known here.';
    const title = `The base that was built last is ${last.commit.slice(0, 12)} (${last.release}). From there to this one`;
    return listed(title, await logOf(git, [`${last.commit}..${base}`]));
  }
  if (old === undefined) return 'The patch stands on the base that it was made on: upstream did nothing meanwhile.';
  const changed = await git.tryGit(['diff', '--name-only', '-z', '--no-renames', old.base, old.patched, '--']);
  const files = changed.stdout.split('\0').filter((file) => file !== '');
  // `=`: git finds that it is the very same change.
  const range = ['--cherry-mark', '--right-only', '--no-merges', `${old.patched}...${base}`, '--', ...files];
  const title = 'What upstream did since in the files of the patch (`=`: git finds the very same change)';
  return listed(title, await logOf(git, range));
}

async function logOf(git: Git, range: readonly string[]) {
  const how = [`--max-count=${MOST_COMMITS}`, '--date=short', '--format=%m %h %cd %s'];
  return git.tryGit(['--literal-pathspecs', 'log', ...how, ...range]);
}

function listed(title: string, { exitCode, stdout }: { exitCode: number; stdout: string }): string {
  if (exitCode !== 0) return `${title}: not known here, since this clone lacks the commits.`;
  const lines = stdout.split('\n').filter((line) => line !== '');
  const more = lines.length === MOST_COMMITS ? `\n… the newest ${MOST_COMMITS}` : '';
  return `${title}:\n${lines.join('\n') || 'nothing'}${more}`;
}
