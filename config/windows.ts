import { DateTime, IANAZone } from 'luxon';
import { z } from 'zod';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

const zone = z
  .string()
  .refine((text) => IANAZone.isValidZone(text), 'a time zone by its IANA name, for example Europe/Berlin')
  .default('UTC');

const weekly = z
  .string()
  .regex(/^(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d$/, 'a day and a time: fri 16:00');

const moment = z
  .string()
  .refine(
    (text) => /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text) && DateTime.fromISO(text).isValid,
    'a date and a time of the window’s zone: 2026-12-18T12:00',
  );

const common = {
  name: z.string().min(1).max(80).describe('it is shown to whoever waits'),
  zone,
  expedited: z.boolean().default(false).describe('true: an expedited release starts all the same'),
};

/** A time in which no new roll-out starts. One that runs goes on. */
export const windowSchema = z.union(
  [
    z
      .strictObject({ ...common, weekly: z.strictObject({ from: weekly, to: weekly }) })
      .refine(({ weekly: { from, to } }) => from !== to, 'it begins when it ends: there is nothing between'),
    z
      .strictObject({ ...common, from: moment, to: moment })
      .refine(({ from, to }) => from < to, 'it ends before it begins'),
  ],
  {
    error: 'either {name, weekly: {from: fri 16:00, to: mon 08:00}} or {name, from: DATE-AND-TIME, to: DATE-AND-TIME}',
  },
);

/** When roll-outs may start. */
export const startFields = {
  freezeWindows: z.array(windowSchema).default([]).describe('in which no new roll-out starts'),
  coolDownSeconds: z.number().min(0).max(604_800).default(0).describe('from the end of one roll-out to the next'),
};

export type FreezeWindow = z.output<typeof windowSchema>;

/** `fri 16:00` as ISO weekday (Monday is 1), hour and minute. */
export function weekMoment(text: string): { weekday: number; hour: number; minute: number } {
  const [day = '', time = ''] = text.split(' ');
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return { weekday: DAYS.indexOf(day as (typeof DAYS)[number]) + 1, hour, minute };
}
