import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRepository } from '../test/release/repository.ts';
import type { Script } from '../test/repair/script.ts';
import { SIGNING_SECRET } from '../test/servers/slack-events.ts';
import type { Ground, SlackPlace } from './ground.ts';

/** One ticket at a time may change a repository: so many are under way at once. */
export const REPOSITORIES = ['r1', 'r2', 'r3'] as const;
export const TEAM = 'T0TEST';
export const accountOf = (person: string) => `U0${person.toUpperCase()}`;

const FILES = {
  'limits.conf': 'connections=10\nmemory=64\n',
  'check.sh': "grep -qE '^connections=[0-9]+$' limits.conf\n",
};

/** No fork: tickets of Slack by HTTP, an agent, and repositories that its fixes are pushed to. */
export const ticketGround = (modelUrl: string, port: number): Ground => ({
  ...{ fork: 'tickets', system: 'process', environments: [], meanGapMs: 6_000 },
  yaml: (folder, slack) => yaml(folder, slack, { modelUrl, port }),
  repository: (folder) => join(folder, REPOSITORIES[0]),
  async prepare(folder) {
    writeFileSync(join(folder, 'model.key'), 'the-key-of-the-scripted-model', { mode: 0o600 });
    writeFileSync(join(folder, 'signing.secret'), SIGNING_SECRET, { mode: 0o600 });
    for (const name of REPOSITORIES) {
      const made = makeRepository(join(folder, name));
      made.commit(FILES, 'Limits');
      made.git('branch', 'main');
    }
  },
  push: async () => undefined,
});

const yaml = (folder: string, slack: SlackPlace, { modelUrl, port }: { modelUrl: string; port: number }) => `
forks: {}
model: { name: scripted, key: { file: ${folder}/model.key }, baseUrl: '${modelUrl}' }
people:
${['ada', 'bob', 'dan'].map((name) => `  ${name}: { name: ${name}, slack: { team: ${TEAM}, user: ${accountOf(name)} } }`).join('\n')}
announcements:
  slack: { channel: ${slack.channel}, apiUrl: '${slack.url}', token: { file: ${slack.tokenFile} } }
support:
  onCall: { schedule: [{ person: ada, from: mon 00:00, to: sun 23:59 }] }
  slack: { http: { signingSecret: { file: ${folder}/signing.secret }, port: ${port} } }
  repositories:
${REPOSITORIES.map((name) => `    ${name}: { repository: ${folder}/${name}, check: [sh, check.sh] }`).join('\n')}
`;

export const questionOf = (repository: string, round: number) =>
  `Where is the line of ${repository} in round ${round}?`;

/** Adds the line that the ticket asks for. */
export const addLine: Script = ({ role, turn, brief }) => {
  const [, repository = '', round = ''] = /line of (\w+) in round (\d+)/.exec(brief) ?? [];
  const line = `round${round}=1`;
  if (role === 'investigate')
    return {
      calls: [
        [
          'plan',
          {
            ...{ kind: 'repository', target: repository, what: `Add the line of round ${round}` },
            why: 'The ticket asks for it, and limits.conf does not have it.',
            quotes: [{ in: `repo.${repository}`, of: 'limits.conf', text: 'memory=64' }],
          },
        ],
      ],
    };
  if (role !== 'patch') return undefined;
  if (turn === 1)
    return { calls: [['edit_file', { path: 'limits.conf', old: 'memory=64', new: `memory=64\n${line}` }]] };
  const words = { change: `It has ${line}.`, risk: 'none known' };
  return { calls: [['hand_in', { ...words, failingCase: `grep -q ${line} limits.conf` }]] };
};
