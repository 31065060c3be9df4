import { Buffer } from 'node:buffer';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { redactKnown } from './redact.ts';

/**
 * Keeps this process's own secrets out of Temporal's histories, whatever text brings them there: an error's message, a
 * build's words. Exact values alone, so that every other payload is what it was.
 */
export function redactingCodec(redact: (text: string) => string = redactKnown): PayloadCodec {
  return {
    encode: async (payloads) => payloads.map((payload) => redacted(payload, redact)),
    decode: async (payloads) => payloads,
  };
}

function redacted(payload: Payload, redact: (text: string) => string): Payload {
  if (!payload.data) return payload;
  const text = Buffer.from(payload.data).toString('utf8');
  const clean = redact(text);
  return clean === text ? payload : { ...payload, data: new Uint8Array(Buffer.from(clean)) };
}
