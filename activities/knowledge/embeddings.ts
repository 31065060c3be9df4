import OpenAI from 'openai';
import { findSecret } from '../../config/env.ts';
import type { ModelSettings } from '../../config/schema.ts';
import { redact } from '../../lib/redact.ts';

/** Vectors of texts by the model's API. `off`: why there are none; words alone find things too. */
export type Embeddings = {
  kind: 'on';
  /** Vectors of another model or length cannot be compared: it is a part of the index. */
  model: string;
  dimensions: number | undefined;
  embed(texts: readonly string[], options?: { quick?: boolean }): Promise<number[][]>;
};
export type NoEmbeddings = { kind: 'off'; reason: string };

/** No retry makes another answer: wrong key, no such model, no quota. */
export class EmbeddingsRefused extends Error {
  override name = 'EmbeddingsRefused';
}

const AT_ONCE = 128;
/** A person waits for the answer; words alone are there at once. */
const QUICK_MS = 4_000;
const MOST_CHARACTERS = 6_000;

export function openEmbeddings(
  model: ModelSettings | undefined,
  dimensions: number | undefined,
): Embeddings | NoEmbeddings {
  if (model?.embeddings === undefined) return { kind: 'off', reason: 'no model.embeddings is configured' };
  const name = model.embeddings;
  const apiKey = findSecret(model.key);
  if (apiKey === undefined) return { kind: 'off', reason: 'model.key refers to a secret that is not here' };
  const client = new OpenAI({ apiKey, baseURL: model.baseUrl, timeout: model.timeoutSeconds * 1_000, maxRetries: 4 });

  async function embedBatch(texts: readonly string[], quick: boolean): Promise<number[][]> {
    try {
      const { data } = await client.embeddings.create(
        { model: name, input: texts.map(outgoing), ...(dimensions !== undefined && { dimensions }) },
        quick ? { timeout: QUICK_MS, maxRetries: 0 } : {},
      );
      const vectors = data.sort((a, b) => a.index - b.index).map(({ embedding }) => embedding);
      const length = dimensions ?? vectors[0]?.length ?? 0;
      if (vectors.length !== texts.length || length === 0 || vectors.some((vector) => vector.length !== length))
        throw new EmbeddingsRefused(`"${name}" answered with other vectors than it was asked for`);
      return vectors;
    } catch (error) {
      throw explained(error);
    }
  }

  return {
    kind: 'on',
    model: name,
    dimensions,
    async embed(texts, { quick = false } = {}) {
      const vectors: number[][] = [];
      for (let at = 0; at < texts.length; at += AT_ONCE)
        vectors.push(...(await embedBatch(texts.slice(at, at + AT_ONCE), quick)));
      return vectors;
    },
  };
}

/** Redacted once more, though what is indexed was: a question is not. No server takes an empty text. */
const outgoing = (text: string) => redact(text).slice(0, MOST_CHARACTERS).toWellFormed() || '-';

function explained(error: unknown): unknown {
  if (!(error instanceof OpenAI.APIError)) return error;
  const said = `the model of the embeddings: ${redact(error.message).slice(0, 300)}`;
  const isFinal =
    error.code === 'insufficient_quota' ||
    (error.status !== undefined &&
      error.status >= 400 &&
      error.status < 500 &&
      ![408, 409, 429].includes(error.status));
  return isFinal ? new EmbeddingsRefused(`${said}; look at model.embeddings and model.key`) : new Error(said);
}
