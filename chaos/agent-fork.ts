import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILES, GREETER } from '../test/repair/greeter.ts';
import type { Ground, SlackPlace } from './ground.ts';
import { commit, makeUpstream, patchMessage } from './small-fork.ts';

/** What the patch of each release breaks, and what an agent makes of it. */
export const BROKEN = { old: 'return "bye " + name', now: 'return "hello " + name' };

/** The small fork of the repairs' tests: every release is held by its patch, and an agent mends it. */
export const agentFork = (modelUrl: string): Ground => {
  const ground: Ground = {
    fork: 'greeter',
    system: 'process',
    environments: [],
    meanGapMs: 6_000,
    yaml: (folder, slack) => yaml(folder, slack, modelUrl),
    repository: (folder) => join(folder, 'fork'),
    async prepare(folder) {
      writeFileSync(join(folder, 'model.key'), 'the-key-of-the-scripted-model', { mode: 0o600 });
      makeUpstream(join(folder, 'fork'), { ...FILES, way: '0\n' }, 'Greeter 1.0');
      await ground.push(folder, 1);
    },
    /** Another number in it, so that no two releases ask the model the same. */
    async push(folder, n) {
      const way = `  static final int WAY = ${n};\n\n  public static String greet`;
      const broken = GREETER.replace('"hello " + name;', '"bye " + name;').replace('  public static String greet', way);
      commit(join(folder, 'fork'), { 'Greeter.java': broken }, patchMessage(`Greet in way ${n}`));
    },
  };
  return ground;
};

const yaml = (folder: string, slack: SlackPlace, modelUrl: string) => `
model: { name: scripted, key: { file: ${folder}/model.key }, baseUrl: '${modelUrl}' }
forks:
  greeter:
    repository: ${folder}/fork
    base: upstream
    baseVersion: '1.0'
    build:
      command: [sh, build.sh]
      artifacts: [{ name: greeter.jar, path: out/greeter.jar }]
      toolchain: [[javac, -version]]
    suites:
      unit: { runner: junit-xml, command: [sh, test.sh], reports: [out/reports] }
    repair: { policy: apply-reviewed }
    release: { suites: [unit], environments: [] }
announcements:
  slack: { channel: ${slack.channel}, apiUrl: '${slack.url}', token: { file: ${slack.tokenFile} } }
`;
