import { z } from 'zod';
import { addressesOf } from '../decisions/approval.ts';

const policy = z.strictObject({
  needed: z.int().min(1).max(10).default(1).describe('so many people'),
  from: z.array(z.string()).default([]).describe('people or groups; nobody named: everyone under people'),
  expiresHours: z.number().positive().max(720).default(24).describe('then it can no longer be decided, nor used'),
});

/** Two of them also where only who, or for how long, is configured. */
const expedite = policy.extend({ needed: z.int().min(1).max(10).default(2).describe('so many people') });

/** `approvals:` who decides on what only a person may decide. */
export const approvalsSchema = z
  .strictObject({
    'one-way-release': policy.prefault({}).describe('a candidate that cannot safely be rolled back'),
    expedite: expedite.prefault({}).describe('the expedited lane; two people unless it says otherwise'),
    finalise: policy.prefault({}).describe('a feature level that is raised for good'),
    unhold: policy.prefault({}).describe('an artifact that was rolled back'),
    repair: policy.prefault({}).describe('an agent’s change to a patch'),
    'verdict-waiver': policy.prefault({}).describe('a candidate that is held by undecided or untestable tests alone'),
    fix: policy.prefault({}).describe('an agent’s fix of a ticket'),
  })
  .prefault({});

type Account = {
  user?: string | undefined;
  email?: string | string[] | undefined;
  github?: string | undefined;
  slack?: { team: string; user: string } | undefined;
};
type Named = {
  people: Record<string, Account>;
  groups: Record<string, string[]>;
  approvals: Record<string, { from: string[] }>;
  paging: { mention?: string[] | undefined };
};

/** One account belongs to one person, or one person would count twice; and whoever is named has to be somebody. */
export function peopleProblems({ people, groups, approvals, paging }: Named): { path: string[]; message: string }[] {
  const problems: { path: string[]; message: string }[] = [];
  const owners = new Map<string, string>();
  for (const [person, account] of Object.entries(people)) {
    for (const [kind, id] of accountsOf(account)) {
      const owner = owners.get(`${kind} ${id}`);
      if (owner !== undefined && owner !== person) {
        const message = `${id} is ${owner}’s already: one person would count as two`;
        problems.push({ path: ['people', person, kind], message });
      }
      owners.set(`${kind} ${id}`, person);
    }
    if (person in groups) problems.push({ path: ['groups', person], message: 'a person has this name' });
  }
  const some = Object.keys(people).join(', ') || 'none are configured';
  for (const [group, members] of Object.entries(groups)) {
    for (const member of members.filter((one) => !(one in people)))
      problems.push({ path: ['groups', group], message: `nobody is called "${member}"; there are: ${some}` });
  }
  const named: [path: string[], names: string[]][] = [
    ...Object.entries(approvals).map(([kind, { from }]): [string[], string[]] => [['approvals', kind, 'from'], from]),
    [['paging', 'mention'], paging.mention ?? []],
  ];
  for (const [path, names] of named) {
    for (const one of names.filter((who) => !(who in people) && !(who in groups)))
      problems.push({ path, message: `neither a person nor a group is called "${one}"; people: ${some}` });
  }
  return problems;
}

function accountsOf({ user, email, github, slack }: Account): [kind: string, id: string][] {
  const all: [string, string | undefined][] = [
    ['user', user],
    ...addressesOf({ email }).map((address): [string, string] => ['email', address]),
    ['github', github?.toLowerCase()],
    ['slack', slack && `${slack.team}/${slack.user}`],
  ];
  return all.flatMap(([kind, id]) => (id === undefined ? [] : [[kind, id]]));
}
