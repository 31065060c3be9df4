import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What the model was sent, as far as tests look at it. */
export type ModelRequest = {
  model: string;
  input: Record<string, unknown>[];
  tools: { name: string }[];
  authorization: string;
};

/** One answer of the script: calls, words, a refusal, half an answer, or an HTTP error. */
export type ModelAnswer =
  | { calls: [name: string, given: unknown][] }
  | { text: string }
  | { refusal: string }
  | { cutOff: true }
  | { filtered: true }
  /** The stream ends in the middle, or says nothing more. */
  | { brokenOff: true }
  | { silent: true }
  /** Calls with the model's own reasoning before them, as it is given back where nothing is stored there. */
  | { calls: [name: string, given: unknown][]; reasoning: { id: string; encrypted_content?: string }[] }
  | { status: number; code?: string; retryAfterMs?: number; message?: string };

type ModelScript = (request: ModelRequest, turn: number) => ModelAnswer | Promise<ModelAnswer>;

/** A server of the Responses API whose answers come from a script: a function of what it was sent, and of how often. */
export async function startModel(script: ModelScript) {
  const requests: ModelRequest[] = [];
  const state = { script };
  // A script that expects something else than it was sent ends the run with its words, instead of the test's process.
  const scripted = async (asked: ModelRequest): Promise<ModelAnswer> => {
    try {
      return await state.script(asked, requests.length);
    } catch (error) {
      return { status: 400, message: `the script: ${(error as Error).message}` };
    }
  };
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const sent = JSON.parse(body) as Omit<ModelRequest, 'authorization'>;
    const asked = { ...sent, authorization: request.headers.authorization ?? '' };
    const turn = requests.push(asked);
    const answer = await scripted(asked);
    if ('status' in answer) {
      const wait = answer.retryAfterMs === undefined ? {} : { 'retry-after-ms': String(answer.retryAfterMs) };
      response.writeHead(answer.status, { 'content-type': 'application/json', ...wait });
      response.end(
        JSON.stringify({
          error: { message: answer.message ?? `as scripted: ${answer.status}`, code: answer.code ?? null },
        }),
      );
      return;
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const whole = responseOf(answer, turn);
    const send = (type: string, rest: object) =>
      response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
    send('response.created', { sequence_number: 0, response: { ...whole, status: 'in_progress', output: [] } });
    if ('brokenOff' in answer) return void response.end();
    if ('silent' in answer) return;
    whole.output.forEach((item, i) => {
      send('response.output_item.done', { sequence_number: i + 1, output_index: i, item });
    });
    send(`response.${whole.status}`, { sequence_number: whole.output.length + 1, response: whole });
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    /** Begins another script; what was sent is forgotten. */
    play(next: ModelScript) {
      state.script = next;
      requests.length = 0;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function responseOf(answer: Exclude<ModelAnswer, { status: number }>, turn: number) {
  const message = (content: unknown) => ({
    type: 'message',
    id: `msg_${turn}`,
    role: 'assistant',
    status: 'completed',
    content: [content],
  });
  const base = {
    id: `resp_${turn}`,
    object: 'response',
    status: 'completed',
    error: null,
    usage: { input_tokens: 900, output_tokens: 100, total_tokens: 1_000 },
  };
  if ('brokenOff' in answer || 'silent' in answer) return { ...base, output: [] };
  if ('cutOff' in answer || 'filtered' in answer) {
    const reason = 'filtered' in answer ? 'content_filter' : 'max_output_tokens';
    return { ...base, status: 'incomplete', incomplete_details: { reason }, output: [] };
  }
  if ('text' in answer)
    return { ...base, output: [message({ type: 'output_text', text: answer.text, annotations: [] })] };
  if ('refusal' in answer) return { ...base, output: [message({ type: 'refusal', refusal: answer.refusal })] };
  const output = answer.calls.map(([name, given], i) => ({
    type: 'function_call',
    id: `fc_${turn}_${i}`,
    call_id: `call_${turn}_${i}`,
    name,
    arguments: typeof given === 'string' ? given : JSON.stringify(given),
    status: 'completed',
  }));
  const thoughts =
    'reasoning' in answer ? answer.reasoning.map((it) => ({ type: 'reasoning', summary: [], ...it })) : [];
  return { ...base, output: [...thoughts, ...output] };
}
