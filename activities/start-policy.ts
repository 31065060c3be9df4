import { DateTime, type WeekdayNumbers } from 'luxon';
import { type FreezeWindow, weekMoment } from '../config/windows.ts';
import type { ClosedTime, StartPolicy } from '../workflows/environment-messages.ts';

/** So far ahead. Whoever waits longer asks again long before. */
const AHEAD_DAYS = 35;

export type StartRules = { freezeWindows: readonly FreezeWindow[]; coolDownSeconds: number };

/**
 * When a roll-out may start, in absolute times: what a workflow decides by must not depend on the time zones that its
 * machine knows.
 */
export function startPolicy(rules: StartRules, expedite: boolean, now: Date): StartPolicy {
  const closed = rules.freezeWindows.flatMap((window) => timesOf(window, now));
  return { expedite, coolDownSeconds: rules.coolDownSeconds, closed };
}

function timesOf(window: FreezeWindow, now: Date): ClosedTime[] {
  const { name, zone, expedited } = window;
  const horizon = now.getTime() + AHEAD_DAYS * 86_400_000;
  const times =
    'weekly' in window ? weeksOf(window, now) : [{ from: local(window.from, zone), to: local(window.to, zone) }];
  return times
    .filter(({ from, to }) => to.toMillis() > now.getTime() && from.toMillis() < horizon)
    .map(({ from, to }) => ({ name, expedited, from: iso(from), to: iso(to) }));
}

/** The one that may have begun last week, and those of the weeks ahead. Wall-clock times: a week may have 167 hours. */
function weeksOf({ weekly, zone }: Extract<FreezeWindow, { weekly: unknown }>, now: Date) {
  const [begins, ends] = [weekMoment(weekly.from), weekMoment(weekly.to)];
  const monday = DateTime.fromJSDate(now, { zone }).startOf('week');
  return Array.from({ length: AHEAD_DAYS / 7 + 2 }, (_, i) => {
    const week = monday.plus({ weeks: i - 1 });
    const from = at(week, begins);
    const sameWeek = at(week, ends);
    return { from, to: sameWeek > from ? sameWeek : at(week.plus({ weeks: 1 }), ends) };
  });
}

function at(week: DateTime, { weekday, hour, minute }: ReturnType<typeof weekMoment>): DateTime {
  return week.set({ weekday: weekday as WeekdayNumbers, hour, minute });
}

const local = (text: string, zone: string) => DateTime.fromISO(text, { zone });

function iso(time: DateTime): string {
  return new Date(time.toMillis()).toISOString();
}
