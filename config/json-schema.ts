import { z } from 'zod';
import { settingsSchema } from './schema.ts';

/** The JSON Schema of `patchwright.yaml`, from the same source that checks it, so that editors complete it. */
export function settingsJsonSchema(): object {
  return z.toJSONSchema(settingsSchema, { io: 'input', target: 'draft-7', unrepresentable: 'any' });
}
