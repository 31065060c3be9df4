/**
 * The fork of which histories are recorded: a server of one file, built by `sed`, tested by `grep`, so that
 * nothing but the releases themselves takes time. Two environments of plain processes, and a Slack.
 */
const SERVER = `import { createServer } from 'node:http';
const greeting = 'hello';
createServer((_, answer) => answer.end('@COMMIT@')).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('greeter is ready'));
`;

export const FILES: Record<string, string> = {
  FORMAT: '1\n',
  'server.mjs': SERVER,
  'build.sh': `set -e
mkdir -p out
sed "s/@COMMIT@/$PATCHWRIGHT_COMMIT/" server.mjs > out/server.mjs
node --check out/server.mjs
`,
  'test.sh': `mkdir -p out
failure=
grep -q "greeting = 'hello" server.mjs || failure="<failure message='no hello'>no hello</failure>"
echo "<testsuite name='GreeterTest' tests='1'><testcase classname='GreeterTest' name='greets' time='0.01'>$failure</testcase></testsuite>" > out/TEST-greeter.xml
test -z "$failure"
`,
};

/** What each recorded release puts on top of the stack. */
export const PATCHES = {
  good: SERVER.replace("'hello'", "'hello,'"),
  better: SERVER.replace("'hello'", "'hello there,'"),
  'breaks-tests': SERVER.replace("'hello'", "'bye'"),
  'breaks-build': `${SERVER}const = nonsense;\n`,
  'never-returns': `${SERVER}throw new Error('it does not start');\n`,
} as const;

const target = (name: string) => `
      - name: ${name}
        files: { server.mjs: lib/server.mjs }
        start: [node, lib/server.mjs, '{port}']
        ready: { log: greeter is ready }
        commit: { http: 'http://127.0.0.1:{port}/' }`;

const fork = (folder: string, name: string, base: string, policy: string) => `
  ${name}:
    repository: ${folder}/fork
    base: ${base}
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: server.mjs, path: out/server.mjs }]
    suites:
      unit: { runner: junit-xml, command: [sh, test.sh], reports: [out] }
    repair: { policy: ${policy} }`;

/** Nothing but its suite, for what agents mend. */
const mendable = (folder: string, name: string, base: string, policy: string) => `${fork(folder, name, base, policy)}
    release: { suites: [unit] }`;

/** Goes to a cluster of one node, and is gone back from before; its artifact is no jar, so that it never comes up. */
const rehearsed = (folder: string) => `${fork(folder, 'rehearsed', 'upstream', 'off')}
    release: { suites: [unit], environments: [cluster], rehearsal: { when: always, nodes: 1 } }`;

/** May run nothing again, so that whatever fails there is undecided, and may be let through. */
const doubtful = (folder: string) => `${fork(folder, 'doubtful', 'upstream', 'off')}
    release: { suites: [unit], waivable: [undecided], rerunSeconds: 0 }`;

/** The configuration in `folder`, for the person who runs the recorder. */
export const configuration = (user: string, slackUrl: string) => (folder: string) =>
  `
forks:${fork(folder, 'greeter', 'upstream', 'off')}
    release:
      suites: [unit]
      environments: [staging, production]
      oneWay: [{ what: the format of greetings, paths: ^FORMAT$ }]
      publish:
        command:
          publish: { run: [cp, '{file}', '${folder}/published-{version}'] }
          readBack: { run: [sh, -c, 'test ! -e "$0" || sha256sum "$0" | cut -c1-64', '${folder}/published-{version}'] }${rehearsed(folder)}${doubtful(folder)}${mendable(folder, 'mended', 'upstream', 'apply-reviewed')}${mendable(folder, 'careful', 'newer', 'suggest')}
environments:
  staging:
    system: process
    rollout: { soakSeconds: 1, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${target('one')}
  production:
    system: process
    rollout: { soakSeconds: 1, windowSeconds: 1, warmUpSeconds: 0 }
    targets: ${target('a')}${target('b')}
  cluster:
    system: kafka
    provision: { combined: 1 }
    library: kafka
    artifacts: { server.mjs: kafka-clients-3.6.2.jar }
    initial: library
libraries:
  kafka: { coordinates: ['org.apache.kafka:kafka_2.13:3.6.2', 'org.slf4j:slf4j-reload4j:1.7.36'] }
  jolokia: { coordinates: ['org.jolokia:jolokia-agent-jvm:2.1.2:javaagent'], transitive: false }
people:
  ada: { name: Ada, user: ${user} }
  bob: { name: Bob, email: bob@example.org }
announcements:
  slack: { channel: C0RELEASES, token: { env: RECORDER_SLACK_TOKEN }, apiUrl: '${slackUrl}' }
`;
