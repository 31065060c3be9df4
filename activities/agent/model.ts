import { ApplicationFailure } from '@temporalio/common';
import OpenAI from 'openai';
import type { Stream } from 'openai/core/streaming';
import { findSecret } from '../../config/env.ts';
import type { ModelSettings } from '../../config/schema.ts';
import { sameCall } from '../../decisions/agent-repetition.ts';
import { retryAfterMs } from '../../decisions/retry-after.ts';
import { redact } from '../../lib/redact.ts';
import { digestOf } from '../../store/artifacts.ts';
import type { ToolCall, Turn } from '../../workflows/agent-types.ts';
import { requestBody, type ToolSpec } from './request.ts';
import type { Item } from './transcript.ts';

/** What one answer cost, and what of it goes into the transcript. */
type Answer = { turn: Without<Turn>; said: Item[] };
type Without<T> = T extends unknown ? Omit<T, 'head'> : never;

const FREE = { tokens: 0, money: 0 };
const NOTHING = { said: [] };
/** Calls of one turn that are made; a model that wants more asks again, and no turn grows without end. */
const MOST_CALLS = 16;
/** Of a digest that is compared within one run alone. */
const SHORT = 16;

/**
 * Asks the model once: the whole transcript in, one answer out.
 *
 * @throws what is worth another try (busy, slow, unreachable), with the server's own waiting time where it gave one:
 * Temporal owns the retries, so that they survive a worker and are seen.
 */
export async function askModel(
  model: ModelSettings,
  { items, tools }: { items: Item[]; tools: ToolSpec[] },
): Promise<Answer> {
  const apiKey = findSecret(model.key);
  if (apiKey === undefined) {
    return {
      turn: { kind: 'unavailable', reason: 'model.key refers to a secret that this worker does not have', ...FREE },
      ...NOTHING,
    };
  }
  const silence = openSilence(model.timeoutSeconds * 1_000);
  const { body, leftOut } = requestBody(model, items, tools);
  const client = new OpenAI({ apiKey, baseURL: model.baseUrl, maxRetries: 0, timeout: model.timeoutSeconds * 1_000 });
  try {
    // Not `responses.create`: it would write the whole past as JSON once more.
    const events = await client.post<Stream<OpenAI.Responses.ResponseStreamEvent>>('/responses', {
      body,
      headers: { 'content-type': 'application/json' },
      stream: true,
      signal: silence.signal,
    });
    const answer = answerOf(model, await wholeOf(events, silence.heard));
    return leftOut === 0 ? answer : { ...answer, turn: { ...answer.turn, leftOut } };
  } catch (error) {
    const reason = finalReason(error, model);
    if (reason === undefined) throw retryable(silence.signal.aborted ? silence.signal.reason : error);
    return { turn: { kind: 'unavailable', reason, ...FREE }, ...NOTHING };
  } finally {
    silence.end();
  }
}

/** Ends a request in which nothing was said for so long; a long answer that goes on is not ended. */
function openSilence(ms: number) {
  const controller = new AbortController();
  const give = () => controller.abort(new Error(`the model said nothing for ${ms / 1_000} s`));
  let timer = setTimeout(give, ms);
  return {
    signal: controller.signal,
    heard(): void {
      clearTimeout(timer);
      timer = setTimeout(give, ms);
    },
    end: () => clearTimeout(timer),
  };
}

/**
 * The answer that a stream ends with.
 *
 * @throws where it ends without one: nothing of half an answer is acted on.
 */
async function wholeOf(
  events: AsyncIterable<OpenAI.Responses.ResponseStreamEvent>,
  heard: () => void,
): Promise<OpenAI.Responses.Response> {
  for await (const event of events) {
    heard();
    if (event.type === 'error') throw new Error(`the model failed: ${event.message}`);
    if (ENDS.includes(event.type) && 'response' in event) return event.response;
  }
  throw new Error('the model’s answer broke off');
}

const ENDS = ['response.completed', 'response.incomplete', 'response.failed'];

function answerOf(model: ModelSettings, response: OpenAI.Responses.Response): Answer {
  const { input_tokens = 0, output_tokens = 0 } = response.usage ?? {};
  const cost = {
    tokens: input_tokens + output_tokens,
    money: (input_tokens * model.price.inputPerMillion + output_tokens * model.price.outputPerMillion) / 1e6,
  };
  // Nothing of an answer that was cut off is acted on: half a call is not the call that the model wanted.
  if (response.status === 'incomplete') {
    if (response.incomplete_details?.reason !== 'content_filter')
      return { turn: { kind: 'cut-off', ...cost }, ...NOTHING };
    return {
      turn: { kind: 'unavailable', reason: 'a filter of the model’s server ended its answer', ...cost },
      ...NOTHING,
    };
  }
  if (response.status === 'failed') {
    throw new Error(`the model failed: ${response.error?.message ?? 'no reason given'}`);
  }
  const wanted = response.output.filter((item) => item.type === 'function_call').slice(0, MOST_CALLS);
  // Every call in a transcript needs an answer, and a reasoning that is not given along is refused.
  const said = response.output.filter((item) => {
    if (item.type === 'function_call') return wanted.includes(item);
    return item.type !== 'reasoning' || Boolean(item.encrypted_content);
  }) as unknown as Item[];
  const refused = response.output.some(
    (item) => item.type === 'message' && item.content.some((part) => part.type === 'refusal'),
  );
  if (refused) return { turn: { kind: 'unavailable', reason: 'the model refused the task', ...cost }, said };
  if (wanted.length === 0) return { turn: { kind: 'words', ...cost }, said };
  const calls = wanted.map((call): ToolCall => {
    const same = digestOf(sameCall(call.name, call.arguments)).slice(0, SHORT);
    return { id: call.call_id, name: call.name.slice(0, 100), arguments: digestOf(call.arguments), same };
  });
  const signature = digestOf(JSON.stringify(calls.map(({ name, arguments: given }) => [name, given])));
  return { turn: { kind: 'calls', calls, signature, ...cost }, said };
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
  const ms = retryAfterMs(error.headers, Date.now());
  return ApplicationFailure.create({
    message: `the model could not answer: ${redact(error.message).slice(0, 300)}`,
    type: 'ModelBusy',
    ...(Number.isFinite(ms) && ms > 0 && { nextRetryDelay: Math.min(ms, LONGEST_WAIT_MS) }),
  });
}
