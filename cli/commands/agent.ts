import { type BriefRecord, createTranscripts, type Item } from '../../activities/agent/transcript.ts';
import type { Settings } from '../../config/schema.ts';
import { ExitError } from '../../lib/exit-error.ts';
import { oneLine, plainText } from '../../lib/plain-text.ts';
import { agentRuns, findAgentRun, lastTurn } from '../../store/agents.ts';
import type { ArtifactStore } from '../../store/artifacts.ts';
import type { Db } from '../../store/database.ts';
import type { AgentEnd, AgentSpent } from '../../workflows/agent-types.ts';
import { requireRelease } from './release.ts';
import { readableTicket } from './ticket.ts';
import { requireFixReader, unreadable } from './ticket-readers.ts';

export type AgentRunView = {
  run: string;
  role: string;
  startedAt: string;
  endedAt: string | null;
  outcome: AgentEnd['kind'] | 'running';
  reason?: string;
  spent?: AgentSpent;
};

// A ticket's id has a colon, which no release's has.
const isTicket = (id: string) => id.includes(':');

/**
 * What agents did for a release (`latest` works) or a ticket, oldest first. Exit 1 where there is neither, or for a
 * ticket that the caller may not read. Reads only.
 */
export async function listAgentRuns(db: Db, settings: () => Settings, idOrLatest: string): Promise<AgentRunView[]> {
  if (!isTicket(idOrLatest)) return (await agentRuns(db, await requireRelease(db, idOrLatest))).map(viewOf);
  const ticket = await readableTicket(db, settings(), idOrLatest);
  const runs = await agentRuns(db, ticket);
  const shut = await unreadable(
    db,
    settings(),
    runs.map(({ run }) => ({ ticket, id: run })),
  );
  // Why one ended may be in words of what it has read.
  return runs.map(viewOf).map((view) => {
    const reason = shut.get(view.run);
    return reason === undefined || view.reason === undefined ? view : { ...view, reason };
  });
}

/** With what it was given at first, layer by layer, and everything that was said. */
export type AgentRunDetail = AgentRunView & BriefRecord & { transcript: Item[] };

/** One run with all that it was given, said and was answered, for whoever may read its ticket and what it has read. Reads only. */
export async function showAgentRun(
  { db, artifacts, settings }: { db: Db; artifacts: ArtifactStore; settings: Settings },
  run: string,
): Promise<AgentRunDetail> {
  const found = await findAgentRun(db, run);
  if (found === undefined) {
    const release = run.split('/')[0];
    throw new ExitError(
      1,
      `there is no agent's run "${run}", or it was so old that it was removed (retention.agents); patchwright agent runs ${release} lists those that are kept`,
    );
  }
  if (isTicket(found.release)) await requireFixReader(db, settings, { ticket: found.release, id: run });
  const head = found.transcript ?? (await lastTurn(db, run))?.head ?? found.brief;
  const transcripts = createTranscripts(artifacts);
  const { layers, skills, memories = [] } = await transcripts.record(found.brief);
  return { ...viewOf(found), layers, skills, memories, transcript: await transcripts.read(head) };
}

function viewOf(row: Awaited<ReturnType<typeof agentRuns>>[number]): AgentRunView {
  const { run, role, started_at, ended_at, outcome } = row;
  return {
    ...{ run, role, startedAt: started_at.toISOString(), endedAt: ended_at?.toISOString() ?? null },
    outcome: outcome?.kind ?? 'running',
    ...(outcome && 'reason' in outcome && { reason: outcome.reason }),
    ...(outcome && { spent: outcome.spent }),
  };
}

const line = ({ run, outcome, reason, spent }: AgentRunView) =>
  `${run}  ${outcome}${reason === undefined ? '' : `: ${reason}`}${spent === undefined ? '' : `  (${spent.turns} turns, ${spent.tokens} tokens, ${spent.money.toFixed(2)}, ${spent.seconds} s)`}`;

export const runsText = (release: string, runs: readonly AgentRunView[]): string =>
  runs.length === 0
    ? `no agent's run of ${release} is kept: none was asked, or long ago (retention.agents)`
    : runs.map(line).join('\n');

export function runText(view: AgentRunDetail): string {
  const entries = view.transcript.map((item) => `\n── ${oneLine(titleOf(item))}\n${plainText(bodyOf(item), 20_000)}`);
  return [line(view), ...givenLines(view), ...entries].join('\n');
}

/** What it was given before it asked for anything. Runs of before that was kept have none. */
function givenLines({ layers, skills, memories = [] }: BriefRecord): string[] {
  if (layers.length === 0) return [];
  const lines = layers.map(({ title, characters, of, budget }) => {
    const cut = characters < of ? `${characters} of ${of}` : `${characters}`;
    return `  ${title}: ${cut} characters (${budget} at the most)`;
  });
  const names = skills.map(({ name, sha256 }) => `${name} ${sha256.slice(0, 12)}`);
  const remembered = memories.map(
    ({ memory, from, confirmedBy }) => `  memory ${memory} of ticket ${from}, confirmed by ${confirmedBy ?? 'nobody'}`,
  );
  return ['', 'It was given', ...lines, ...remembered, `  skills to read: ${names.join(', ') || 'none'}`];
}

function titleOf({ type, role, name, call_id }: Item): string {
  if (type === 'function_call') return `it calls ${name} (${call_id})`;
  if (type === 'function_call_output') return `answered (${call_id})`;
  return String(role ?? type);
}

function bodyOf(item: Item): string {
  if (item.type === 'function_call') return String(item.arguments);
  if (item.type === 'function_call_output') return String(item.output);
  if (typeof item.content === 'string') return item.content;
  return JSON.stringify(item.content ?? item, null, 2);
}
