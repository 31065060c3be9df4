import { join } from 'node:path';
import type { Ground, SlackPlace } from './ground.ts';
import { commit, makeUpstream, patchMessage } from './small-fork.ts';

/** So many units, each of about a second. */
export const SUITE_UNITS = 48;

const FILES = {
  'way.txt': '0\n',
  'build.sh': 'set -e\nmkdir -p out\ncp way.txt out/way.txt\n',
  'test.sh': `set -e
mkdir -p reports
sleep 0.8
printf '<testsuite name="%s" tests="1"><testcase classname="%s" name="holds" time="0.8"/></testsuite>' "$1" "$1" > "reports/TEST-$1.xml"
`,
};

/** A fork of which a release is its suite: nothing is compiled and nothing is rolled out. Two hosts share the suite. */
export const suiteFork: Ground = {
  fork: 'counter',
  system: 'process',
  environments: [],
  meanGapMs: 2_500,
  yaml: (folder, slack) => yaml(folder, slack),
  repository: (folder) => join(folder, 'fork'),
  async prepare(folder) {
    makeUpstream(join(folder, 'fork'), FILES, 'Counter 1.0');
    await suiteFork.push(folder, 1);
  },
  async push(folder, n) {
    commit(join(folder, 'fork'), { 'way.txt': `${n}\n` }, patchMessage(`Count in way ${n}`));
  },
};

const units = Array.from({ length: SUITE_UNITS }, (_, n) => `unit-${String(n + 1).padStart(3, '0')}`);

const yaml = (folder: string, slack: SlackPlace) => `
forks:
  counter:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: way.txt, path: out/way.txt }]
    suites:
      unit:
        runner: junit-xml
        command: [sh, test.sh, '{unit}']
        units: [${units.join(', ')}]
        reports: [reports]
    release: { suites: [unit], environments: [] }
slots: 2
artifacts: { folder: ${folder}/artifacts }
announcements:
  slack: { channel: ${slack.channel}, apiUrl: '${slack.url}', token: { file: ${slack.tokenFile} } }
`;
