import { DateTime, IANAZone } from 'luxon';
import { z } from 'zod';
import { proposalsSchema } from './agent.ts';
import { sandboxFields, sandboxProblem } from './sandbox.ts';
import { weekMoment } from './windows.ts';

const zone = z
  .string()
  .refine((text) => IANAZone.isValidZone(text), 'a time zone by its IANA name, for example Europe/Berlin')
  .default('UTC');
const moment = z
  .string()
  .refine(
    (text) =>
      /^(mon|tue|wed|thu|fri|sat|sun) ([01]\d|2[0-3]):[0-5]\d$/.test(text) ||
      (/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}$/.test(text) && DateTime.fromISO(text).isValid),
    'a time of the week (fri 16:00) or a date and a time (2026-12-18T12:00), of the shift’s zone',
  );
const isWeekly = (text: string) => !/^\d/.test(text);

const shift = z
  .strictObject({ person: z.string().min(1).describe('one of people'), zone, from: moment, to: moment })
  .refine(({ from, to }) => isWeekly(from) === isWeekly(to), 'from and to are both times of the week, or both dates')
  .refine(({ from, to }) => (isWeekly(from) ? from !== to : from < to), 'it ends before it begins');

const onCall = z
  .strictObject({
    schedule: z.array(shift).default([]).describe('who is on duty, in the order in which they are called'),
    url: z.url().optional().describe('answers {"people": [NAME, …]} in the order of calling; instead of a schedule'),
  })
  .refine(({ schedule, url }) => url === undefined || schedule.length === 0, 'either a schedule or a url');

/** A repository that an agent may read, and propose changes to: its branch is what a fix goes to. */
const repository = z
  .strictObject({
    repository: z.string().min(1).describe('a path or URL that git can clone and push to'),
    branch: z.string().min(1).default('main'),
    check: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('an argument array, run in the sandbox over a fresh checkout: exit 0 is good'),
    readers: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('people and groups who may decide on changes to it, since they see its lines; everyone by default'),
    land: z
      .enum(['push', 'branch'])
      .default('push')
      .describe(
        'push: an approved commit goes onto the branch; branch: onto one of its own, which people merge, where the branch takes no push',
      ),
    proposals: proposalsSchema,
    ...sandboxFields,
  })
  .describe('what fixes may change, beside forks and clusters');

const minutes = (byDefault: number) => z.number().min(0.005).max(43_200).default(byDefault);

/** `support:` tickets, who is called, and how long each step may take. */
export const supportSchema = <Secret extends z.ZodType>(secret: Secret) =>
  z
    .strictObject({
      onCall: onCall.prefault({}).describe('who gets what cannot be answered'),
      responders: z
        .array(z.string())
        .default([])
        .describe(
          'people or groups who may take, hand off and send away; by default who is in the schedule, else everyone',
        ),
      answerMinutes: minutes(5).describe('without an answer by then it is escalated'),
      followUpMinutes: minutes(240).describe('of silence after an answer; then it is asked once whether it helped'),
      closeMinutes: minutes(1_440).describe('of silence after that; then it is closed'),
      escalationMinutes: minutes(15).describe('until the next person on call is called'),
      takenMinutes: minutes(1_440).describe('whoever took it has; then it is escalated again'),
      fixMinutes: minutes(480).describe(
        'for each step of a fix that says no more of itself; then it is given back to a person',
      ),
      proofMinutes: minutes(4_320).describe(
        'for each suite that proves a fix of a stack, for the release of it, and for one that it waits for',
      ),
      repositories: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/), repository).default({}),
      learnTo: z
        .strictObject({
          repository: z.string().min(1).describe('one of support.repositories'),
          path: z
            .string()
            .min(1)
            .max(300)
            .regex(/^(?!\/)(?!(?:.*\/)?\.{1,2}(?:\/|$))[^\0\\]+$/, 'a file, from the top of the repository'),
        })
        .optional()
        .describe('where what solved a question without an answer is proposed to be written down'),
      mostCalls: z.int().min(1).max(1_000).default(96).describe('then it is closed, saying that nobody came'),
      slack: z
        .strictObject({
          appToken: secret.optional().describe('an app-level token with connections:write: Socket Mode'),
          http: z
            .strictObject({
              signingSecret: secret,
              port: z.int().min(0).max(65_535).default(3_000),
              host: z.string().min(1).default('127.0.0.1').describe('the address to listen on, behind your TLS proxy'),
            })
            .optional()
            .describe('requests by HTTP instead, at /slack/events and /slack/interactivity'),
        })
        .refine(
          ({ appToken, http }) => (appToken === undefined) !== (http === undefined),
          'either appToken (Socket Mode) or http',
        )
        .optional()
        .describe('questions from Slack; announcements.slack has the bot’s token'),
    })
    .prefault({});

export type SupportSettings = z.output<ReturnType<typeof supportSchema<z.ZodType>>>;
export type ShiftSettings = z.output<typeof shift>;

type Named = {
  people: Record<string, unknown>;
  groups: Record<string, unknown>;
  announcements: { slack?: unknown };
  support: Pick<SupportSettings, 'onCall' | 'responders' | 'repositories' | 'learnTo'> & { slack?: unknown };
};

/** Whoever is named has to be somebody, and Slack needs the bot’s token. */
export function supportProblems({ people, groups, announcements, support }: Named) {
  const problems: { path: (string | number)[]; message: string }[] = [];
  const some = Object.keys(people).join(', ') || 'none are configured';
  for (const [i, { person }] of support.onCall.schedule.entries()) {
    if (!(person in people)) {
      const message = `nobody is called "${person}"; there are: ${some}`;
      problems.push({ path: ['support', 'onCall', 'schedule', i, 'person'], message });
    }
  }
  for (const [i, name] of support.responders.entries()) {
    if (!(name in people) && !(name in groups)) {
      const message = `neither a person nor a group is called "${name}"; people: ${some}`;
      problems.push({ path: ['support', 'responders', i], message });
    }
  }
  for (const [name, { readers = [], ...sandboxed }] of Object.entries(support.repositories)) {
    const path = ['support', 'repositories', name];
    const wrong = sandboxProblem(sandboxed);
    if (wrong !== undefined) problems.push({ path: [...path, wrong.key], message: wrong.message });
    for (const reader of readers.filter((one) => !(one in people) && !(one in groups)))
      problems.push({
        path: [...path, 'readers'],
        message: `neither a person nor a group is called "${reader}"; people: ${some}`,
      });
  }
  const { learnTo, repositories } = support;
  if (learnTo !== undefined && !(learnTo.repository in repositories)) {
    const message = `support.repositories has no "${learnTo.repository}"; there are: ${Object.keys(repositories).join(', ') || 'none'}`;
    problems.push({ path: ['support', 'learnTo', 'repository'], message });
  }
  if (support.slack !== undefined && announcements.slack === undefined) {
    const message = 'announcements.slack is missing: its token is the bot’s, which answers';
    problems.push({ path: ['support', 'slack'], message });
  }
  return problems;
}

/** Who may take, hand off and send away. */
export function respondersOf({
  people,
  groups,
  support,
}: {
  people: object;
  groups: Record<string, string[]>;
  support: Pick<SupportSettings, 'onCall' | 'responders'>;
}): string[] {
  const named = support.responders.flatMap((name) => groups[name] ?? [name]);
  const scheduled = support.onCall.schedule.map(({ person }) => person);
  const found = named.length > 0 ? named : scheduled.length > 0 ? scheduled : Object.keys(people);
  return [...new Set(found)];
}

/** The turn of this entry that is now, or comes next. Milliseconds since 1970. */
export function turnOf(
  { person, zone, from, to }: ShiftSettings,
  now: number,
): { person: string; from: number; to: number } {
  if (!isWeekly(from)) {
    const at = (text: string) => DateTime.fromISO(text, { zone }).toMillis();
    return { person, from: at(from), to: at(to) };
  }
  const week = DateTime.fromMillis(now, { zone }).startOf('week');
  const at = (text: string, weeks: number) => {
    const { weekday, hour, minute } = weekMoment(text);
    return week
      .plus({ weeks, days: weekday - 1 })
      .set({ hour, minute })
      .toMillis();
  };
  const turns = [-1, 0, 1].map((weeks) => {
    const begins = at(from, weeks);
    const ends = at(to, weeks);
    return { person, from: begins, to: ends > begins ? ends : at(to, weeks + 1) };
  });
  return turns.find((turn) => turn.to > now) ?? turns[2]!;
}
