import { join } from 'node:path';
import type { Settings } from '../config/schema.ts';
import { diagnosisWords } from '../decisions/diagnosis.ts';
import { testName } from '../decisions/verdict-words.ts';
import { ensureCommit, type GitTools } from '../git/clone.ts';
import { plainText } from '../lib/plain-text.ts';
import { redact } from '../lib/redact.ts';
import { closeAgentRun, finishedTurn, keepTurn, openAgentRun, wholeResult } from '../store/agents.ts';
import type { ArtifactStore } from '../store/artifacts.ts';
import type { Db } from '../store/database.ts';
import type {
  AgentBudget,
  AgentOrder,
  AgentOutcome,
  Diagnosis,
  DiagnosisSubject,
  ToolCall,
  ToolResult,
  Turn,
} from '../workflows/agent-types.ts';
import type { Digest, Patch } from '../workflows/types.ts';
import { CUT_OFF, diagnosisBrief, LAST_TURN, WORDS_ONLY } from './agent/brief.ts';
import { assembleContext } from './agent/context.ts';
import { createEvidence } from './agent/evidence.ts';
import { askModel, redactItem } from './agent/model.ts';
import { headAndTail } from './agent/output.ts';
import { readGivenSkill } from './agent/skills.ts';
import { createSources } from './agent/sources.ts';
import { applyTool, asShown, toolSpecs } from './agent/tools.ts';
import { createTranscripts, type Item } from './agent/transcript.ts';
import { permanent } from './failures.ts';

export type AgentDeps = GitTools & {
  db: Db;
  dataDir: string;
  artifacts: ArtifactStore;
  settings: (digest: Digest) => Promise<Settings>;
};

/** What came since the last turn: results of its calls, or what it has to be told. */
export type Since = { results?: ToolResult[]; told?: 'words' | 'cut-off'; last?: boolean };

export type DiagnosisRequest = {
  run: string;
  release: string;
  settings: Digest;
  subject: DiagnosisSubject;
  patches: Patch[];
};

export type Prepared = { kind: 'ready'; brief: Digest; budget: AgentBudget } | { kind: 'no-model' };

/** An agent's turns and tools. They read; nothing here has an effect outside of the store. */
export function createAgentActivities(deps: AgentDeps) {
  const { db, artifacts } = deps;
  const transcripts = createTranscripts(artifacts);
  const evidence = createEvidence(db, artifacts);
  const put = async (text: string) => (await artifacts.put(text)).sha256;

  return {
    /** Puts the brief of a diagnosis together, as it will be given. Safe to repeat. */
    async prepareDiagnosis({ run, release, settings, subject, patches }: DiagnosisRequest): Promise<Prepared> {
      const { model } = await deps.settings(settings);
      if (model === undefined) return { kind: 'no-model' };
      const [verdict, difference] = [await evidence.verdict(subject), await evidence.difference(subject)];
      const about = { ...subject, release, settings, patches, failing: subject };
      const { text, layers, skills } = await assembleContext(deps, about);
      const parts = { verdict: asShown(verdict), difference: asShown(difference), context: asShown(text) };
      const items = diagnosisBrief(parts).map(redactItem);
      const brief = await transcripts.append(undefined, items, { layers, skills });
      await openAgentRun(db, { run, release, role: 'diagnose', brief });
      return { kind: 'ready', brief, budget: model.budget };
    },

    /**
     * One question to the model, one entry of the transcript. A turn that has ended is read from the store and not paid
     * again; where a worker dies between the answer and its record, it is asked once more.
     */
    async takeTurn(order: AgentOrder, turn: number, head: Digest, since: Since): Promise<Turn> {
      const { run } = order;
      const done = await finishedTurn(db, run, turn);
      if (done !== undefined) return done;
      const { model } = await deps.settings(order.settings);
      if (model === undefined) throw permanent('BadConfiguration', `${run} was begun with a model and has none now`);
      const news = await newsOf(artifacts, since);
      const items = [...(await transcripts.read(head)), ...news];
      const { turn: answered, said } = await askModel(model, { items, tools: toolSpecs(), put });
      const outcome: Turn = { ...answered, head: await transcripts.append(head, [...news, ...said]) };
      const results = Object.fromEntries((since.results ?? []).map(({ id, whole }) => [id, whole]));
      return keepTurn(db, { run, turn, outcome, results });
    },

    /** Makes one call. Safe to repeat: it reads. */
    async useTool(order: AgentOrder, call: ToolCall): Promise<ToolResult> {
      const { fork, candidate } = order.subject;
      const given = (await artifacts.read(call.arguments)).toString('utf8');
      const mirror = join(deps.dataDir, 'git', `${fork}.git`);
      const { repository, agent } = (await deps.settings(order.settings)).forks[fork] ?? {};
      // Another host may have cut it.
      if (repository !== undefined) await ensureCommit(deps, mirror, repository, candidate);
      const whole = async (id: string) => {
        const digest = await wholeResult(db, order.run, id);
        return digest === undefined ? undefined : (await artifacts.read(digest)).toString('utf8');
      };
      const skill = async (name: string, file: string) =>
        readGivenSkill((await transcripts.record(order.brief)).skills, agent?.skills, name, file);
      const world = { sources: createSources(deps, mirror), evidence, whole, skill };
      const used = await applyTool(world, order, call.name, given);
      const text = asShown(used.text);
      return {
        id: call.id,
        output: await put(headAndTail(text, call.id)),
        whole: await put(text),
        ...(used.accepted !== undefined && { accepted: await put(used.accepted) }),
        ...(used.refused && { refused: true }),
      };
    },

    /** Safe to repeat: the first end stands. */
    async closeRun({ run }: { run: string }, outcome: AgentOutcome): Promise<void> {
      await closeAgentRun(db, run, outcome);
    },

    /** What an accepted diagnosis says, in a sentence for the thread. Reads only. */
    async diagnosisText(subject: DiagnosisSubject, answer: Digest): Promise<string> {
      const diagnosis = JSON.parse((await artifacts.read(answer)).toString('utf8')) as Diagnosis;
      return plainText(redact(diagnosisWords(testName(subject), diagnosis)), 2_500);
    },
  };
}

export type AgentActivities = ReturnType<typeof createAgentActivities>;

async function newsOf(artifacts: ArtifactStore, { results = [], told, last }: Since): Promise<Item[]> {
  const items: Item[] = [];
  for (const { id, output } of results) {
    items.push({ type: 'function_call_output', call_id: id, output: (await artifacts.read(output)).toString('utf8') });
  }
  if (told === 'words') items.push(WORDS_ONLY);
  if (told === 'cut-off') items.push(CUT_OFF);
  if (last) items.push(LAST_TURN);
  return items;
}
