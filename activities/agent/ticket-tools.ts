import type { AgentOrder } from '../../workflows/agent-types.ts';
import type { ToolSpec } from './request.ts';

/** A repository has no stack, and whoever makes a change in one was given no runbook. */
const NONE_OF_A_REPOSITORY = ['show_patch'];
const NONE_OF_AN_AUTHOR = ['read_skill'];

const CHECK =
  'Runs the check of this repository over your files, in the sandbox. What it leaves is gone; what your change is to mend is not looked at by it: that is for `failingCase`.';
const BUILD =
  'Builds your files as the release would, in a clean room. Takes minutes. The suites run after you handed in.';

const HAND_IN_TEST =
  'Hands your files in as the fix. The change is what the files say; the words are for whoever decides on it. `failingTest`: where there can be one, a test of one of the suites, class#method, that fails without your change and passes with it; it is run on both, in a clean room. You may bring it in your change.';

/** A stack's failing case is a test, since nothing is built where a command would run. */
function handInOf(spec: ToolSpec, isStack: boolean): ToolSpec {
  const { properties, ...schema } = spec.parameters as { properties: Record<string, unknown> };
  const { failingCase, failingTest, ...others } = properties;
  const own = isStack ? { failingTest } : { failingCase };
  const parameters = { ...schema, properties: { ...others, ...own } };
  return { ...spec, parameters, ...(isStack && { description: HAND_IN_TEST }) };
}

/**
 * The tools of whoever makes or reads a ticket's change, as they are there: words of a release's repair (a candidate, a
 * test that failed) make a reader look for what there is not.
 */
export function forTicket(specs: readonly ToolSpec[], { role, subject, trial }: AgentOrder): ToolSpec[] {
  const missing = [
    ...(subject.fork.startsWith('repo.') ? NONE_OF_A_REPOSITORY : []),
    ...(role === 'patch' ? NONE_OF_AN_AUTHOR : []),
  ];
  return specs
    .filter(({ name }) => !missing.includes(name))
    .map((spec) => {
      if (spec.name === 'hand_in') return handInOf(spec, subject.stack !== undefined);
      if (role !== 'patch' || spec.name !== 'run_tests') return spec;
      return { ...spec, description: trial === undefined ? CHECK : BUILD };
    });
}
