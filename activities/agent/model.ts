import { createHash } from 'node:crypto';
import { ApplicationFailure } from '@temporalio/common';
import OpenAI from 'openai';
import { readSecret } from '../../config/env.ts';
import type { ModelSettings } from '../../config/schema.ts';
import { fitTranscript } from '../../decisions/agent-context.ts';
import { redact } from '../../lib/redact.ts';
import type { ToolCall, Turn } from '../../workflows/agent-types.ts';
import type { Digest } from '../../workflows/types.ts';
import type { Item, Transcripts } from './transcript.ts';

/** What the model is told of a tool: a JSON schema of its arguments. */
export type ToolSpec = { name: string; description: string; parameters: Record<string, unknown> };

type Asked = { transcripts: Transcripts; put: (text: string) => Promise<Digest>; head: Digest; tools: ToolSpec[] };

/**
 * Asks the model once: the whole transcript in, one answer out, appended to it. Everything is redacted before it leaves.
 *
 * @throws what is worth another try (busy, slow, unreachable), with the server's own waiting time where it gave one:
 * Temporal owns the retries, so that they survive a worker and are seen.
 */
export async function askModel(model: ModelSettings, asked: Asked): Promise<Turn> {
  const client = new OpenAI({
    apiKey: readSecret(model.key, 'model.key'),
    baseURL: model.baseUrl,
    maxRetries: 0,
    timeout: model.timeoutSeconds * 1_000,
  });
  const items = fitTranscript(await asked.transcripts.read(asked.head), model.contextTokens);
  const input = JSON.parse(redact(JSON.stringify(items))) as OpenAI.Responses.ResponseInputItem[];
  try {
    const response = await client.responses.create({
      model: model.name,
      input,
      store: false,
      tools: asked.tools.map((tool) => ({ type: 'function' as const, strict: false, ...tool })),
    });
    return await turnOf(model, asked, response);
  } catch (error) {
    const reason = finalReason(error, model);
    if (reason === undefined) throw retryable(error);
    return { kind: 'unavailable', reason, head: asked.head, tokens: 0, money: 0 };
  }
}

async function turnOf(model: ModelSettings, asked: Asked, response: OpenAI.Responses.Response): Promise<Turn> {
  const { input_tokens = 0, output_tokens = 0 } = response.usage ?? {};
  const cost = {
    tokens: input_tokens + output_tokens,
    money: (input_tokens * model.price.inputPerMillion + output_tokens * model.price.outputPerMillion) / 1e6,
  };
  const { head } = asked;
  // Nothing of an answer that was cut off is acted on: half a call is not the call that the model wanted.
  if (response.status === 'incomplete') return { kind: 'cut-off', head, ...cost };
  if (response.status === 'failed') {
    throw new Error(`the model failed: ${response.error?.message ?? 'no reason given'}`);
  }
  const refusal = response.output.find(
    (item) => item.type === 'message' && item.content.some((part) => part.type === 'refusal'),
  );
  const next = await asked.transcripts.append(head, response.output as unknown as Item[]);
  if (refusal !== undefined) return { kind: 'unavailable', reason: 'the model refused the task', head: next, ...cost };
  const wanted = response.output.filter((item) => item.type === 'function_call');
  if (wanted.length === 0) return { kind: 'words', head: next, ...cost };
  const calls: ToolCall[] = [];
  for (const call of wanted) {
    calls.push({ id: call.call_id, name: call.name, arguments: await asked.put(call.arguments) });
  }
  const said = JSON.stringify(calls.map(({ name, arguments: given }) => [name, given]));
  return { kind: 'calls', calls, signature: createHash('sha256').update(said).digest('hex'), head: next, ...cost };
}

/** Why no retry will help, in words for a person; undefined where one may. */
function finalReason(error: unknown, { name, baseUrl }: ModelSettings): string | undefined {
  if (!(error instanceof OpenAI.APIError) || error.status === undefined) return undefined;
  const said = redact(error.message).slice(0, 300);
  if (error.code === 'insufficient_quota') return `the model's account has no quota left: ${said}`;
  if (error.status === 401 || error.status === 403) return `the model's key is refused; look at model.key: ${said}`;
  if (error.status === 404)
    return `there is no model "${name}" at ${new URL(baseUrl).host}; look at model.name: ${said}`;
  if (error.status >= 400 && error.status < 500 && ![408, 409, 429].includes(error.status)) {
    return `the model refuses what it is asked (${error.status}): ${said}`;
  }
  return undefined;
}

const LONGEST_WAIT_MS = 10 * 60_000;

function retryable(error: unknown): unknown {
  if (!(error instanceof OpenAI.APIError)) return error;
  const after = error.headers?.get('retry-after-ms') ?? undefined;
  const seconds = Number(error.headers?.get('retry-after') ?? Number.NaN);
  const ms = after === undefined ? seconds * 1_000 : Number(after);
  return ApplicationFailure.create({
    message: `the model could not answer: ${redact(error.message).slice(0, 300)}`,
    type: 'ModelBusy',
    ...(Number.isFinite(ms) && ms > 0 && { nextRetryDelay: Math.min(ms, LONGEST_WAIT_MS) }),
  });
}
