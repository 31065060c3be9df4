import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { searchedWords } from '../../decisions/knowledge-words.ts';
import { randomFrom } from '../../lib/random.ts';

/** Words that mean the same: what a real model knows, and what words alone cannot find. */
export type Meanings = Readonly<Record<string, string>>;

/**
 * A server of the embeddings API. A text's vector is the sum of one direction for each of its words, so that texts that
 * share words, or what `meanings` gives as one word, are near each other.
 */
export async function startEmbeddings({ dimensions = 64, meanings = {} as Meanings } = {}) {
  const state = { fail: undefined as { status: number; code?: string } | undefined, texts: [] as string[] };
  const known = new Map<string, Float32Array>();
  const vectorOf = (text: string, length: number): Float32Array => {
    const sum = new Float32Array(length);
    for (const word of new Set(searchedWords(text).split(' '))) {
      const direction = directionOf(known, meanings[word] ?? word, length);
      for (let i = 0; i < length; i += 1) sum[i] = (sum[i] ?? 0) + (direction[i] ?? 0);
    }
    return sum;
  };
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const asked = JSON.parse(Buffer.concat(parts).toString()) as {
      input: string[];
      encoding_format?: string;
      dimensions?: number;
    };
    response.setHeader('content-type', 'application/json');
    if (state.fail !== undefined) {
      const { status, code = null } = state.fail;
      response.writeHead(status).end(JSON.stringify({ error: { message: `as scripted: ${status}`, code } }));
      return;
    }
    state.texts.push(...asked.input);
    const data = asked.input.map((text, index) => {
      const vector = vectorOf(text, asked.dimensions ?? dimensions);
      const isBase64 = asked.encoding_format === 'base64';
      return { object: 'embedding', index, embedding: isBase64 ? base64Of(vector) : [...vector] };
    });
    response.end(
      JSON.stringify({ object: 'list', model: 'scripted', data, usage: { prompt_tokens: 1, total_tokens: 1 } }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    /** Every text that was sent. */
    texts: state.texts,
    failWith(fail: { status: number; code?: string } | undefined) {
      state.fail = fail;
    },
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function directionOf(known: Map<string, Float32Array>, word: string, length: number): Float32Array {
  const name = `${length} ${word}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  let seed = 2_166_136_261;
  for (const char of word) seed = Math.imul(seed ^ (char.codePointAt(0) ?? 0), 16_777_619);
  const random = randomFrom(seed);
  const made = Float32Array.from({ length }, () => random() - 0.5);
  known.set(name, made);
  return made;
}

const base64Of = (vector: Float32Array) => Buffer.from(vector.buffer).toString('base64');
