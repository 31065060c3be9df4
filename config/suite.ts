import { z } from 'zod';

const file = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'a file name without a folder');
const command = z.array(z.string().min(1)).min(1).describe('an argument array; no shell reads it');

/** `*` stands for any characters, dots and dollar signs included; everything else for itself. */
const pattern = z
  .string()
  .regex(/^[\p{L}\p{N}_$.*-]+(#[^;#]+)?$/u, 'a class name, or CLASS#METHOD, in which * stands for any characters');

/** Methods are the plugin's own affair: its reports name them only afterwards. */
const classPattern = z
  .string()
  .regex(/^[\p{L}\p{N}_$.*:/-]+$/u, 'a class name, or MODULE:CLASS, in which * stands for any characters');

/** The command itself selects methods; here only its units can be. */
const unitPattern = z
  .string()
  .regex(/^[^#]+$/, 'the name of a unit in which * stands for any characters; methods are the command’s own affair');

const quarantine = z
  .array(
    z.strictObject({
      test: z.string().min(1).describe('a unit, or CLASS#METHOD, in which * stands for any characters'),
      ticket: z.string().min(1).describe('where it is being mended'),
      until: z.iso.date().describe('the last day, in UTC; afterwards it gates again'),
    }),
  )
  .default([])
  .describe('tests known to be bad: they run and are reported, and do not gate');

const innerPath = z
  .string()
  .regex(/^(?!\/)(?!.*(^|\/)\.\.(\/|$)).+$/, 'a path inside the checkout: relative, without ..');

const artifactRef = z.strictObject({ artifact: file.describe('the name of a file that the build makes') });

const libraryRef = z.strictObject({
  library: z.string().min(1).describe('a name under `libraries`'),
  jar: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._*-]*$/, 'a jar’s file name in which * stands for any characters')
    .optional()
    .describe('of this library only the jars of this name'),
});

const folderRef = z.strictObject({
  folder: innerPath.describe('a folder of the fork’s repository: its jars, or itself where it has none'),
});

const entries = z.array(z.union([artifactRef, libraryRef, folderRef])).min(1);

const limits = z
  .strictObject({
    methodSeconds: z.number().positive().max(86_400).default(120).describe('one test'),
    unitSeconds: z
      .number()
      .positive()
      .max(7 * 86_400)
      .default(1_800)
      .describe('one class, or one run of the command'),
    silenceSeconds: z.number().positive().max(86_400).default(300).describe('neither an event nor a word of output'),
    batchSeconds: z
      .number()
      .positive()
      .max(7 * 86_400)
      .default(900)
      .describe('what a batch takes besides its units: the start of a JVM, the compilation before the first test'),
  })
  .prefault({});

const reruns = z
  .strictObject({
    perArm: z
      .number()
      .int()
      .min(3)
      .max(20)
      .default(5)
      .describe('runs of each failed test alone, on candidate and base each'),
    maxPerArm: z.number().int().min(5).max(200).default(40).describe('where results are mixed'),
    maxPerArmQuick: z.number().int().min(5).max(1_000).default(120).describe('the same for tests under a second'),
    secondsPerTest: z
      .number()
      .positive()
      .default(900)
      .describe('on one arm, where results are mixed; a test too slow for enough runs in it stays undecided'),
    replaySeconds: z
      .number()
      .nonnegative()
      .default(180)
      .describe('of what ran before a test in its process, as it is run again with it; 0: never'),
    maxTests: z
      .number()
      .int()
      .min(1)
      .max(5_000)
      .default(300)
      .describe('failures that are judged; more than this is a broken run'),
  })
  .prefault({});

const shared = {
  limits,
  reruns,
  quarantine,
  slots: z.number().int().min(1).max(256).optional().describe('at the most; otherwise as many as the worker has'),
  environment: z
    .array(z.string())
    .default(['PATH', 'HOME', 'LANG', 'LC_ALL', 'JAVA_HOME', 'MAVEN_OPTS', 'TZ'])
    .describe('the variables that tests may see; nothing else reaches them'),
};

const junitPlatform = z.strictObject({
  runner: z.literal('junit-platform').describe('test classes on a class path, through warm JVMs'),
  classpath: entries.describe('in order; among them JUnit’s launcher and engines'),
  scan: entries.describe('where the test classes are'),
  include: z.array(pattern).min(1).default(['*']),
  exclude: z.array(pattern).default([]),
  whole: z
    .array(pattern)
    .default([])
    .describe('classes that are never divided among slots, because their tests need each other'),
  jvm: z.array(z.string().min(1)).default(['-Xmx1g', '-XX:+UseSerialGC']),
  ...shared,
});

const junitXml = z.strictObject({
  runner: z.literal('junit-xml').describe('any command that writes JUnit XML, run in a clean checkout'),
  command: command.describe('{unit}, {version} and {commit} are filled in; without {unit} one run is the whole suite'),
  units: z.array(z.string().min(1)).default([]).describe('what {unit} stands for, one run each'),
  include: z.array(unitPattern).min(1).default(['*']),
  exclude: z.array(unitPattern).default([]),
  rerun: command
    .optional()
    .describe('runs one failed test alone: {class}, {method}, {unit}; without it `command` runs again as a whole'),
  reports: z.array(innerPath).min(1).describe('folders of the checkout in which the XML files appear'),
  ...shared,
});

const maven = z.strictObject({
  runner: z.literal('maven').describe('the test classes of a Maven project, by its own Surefire or Failsafe'),
  command: command.default(['mvn']).describe('Maven itself, with what every call of it needs'),
  arguments: z.array(z.string().min(1)).default([]).describe('for every call (-Pslow, -Djacoco.skip)'),
  plugin: z
    .enum(['surefire', 'failsafe'])
    .default('surefire')
    .describe('failsafe: integration tests, through the phase `verify`'),
  modules: z.array(innerPath).min(1).optional().describe('folders of modules; without it those that the poms name'),
  sources: z
    .array(innerPath)
    .min(1)
    .default(['src/test/java', 'src/test/kotlin', 'src/test/groovy', 'src/test/scala'])
    .describe('where a module has its tests'),
  include: z.array(classPattern).min(1).optional().describe('without it the plugin’s own naming: *Test, Test*, …'),
  exclude: z.array(classPattern).default([]),
  reports: innerPath.optional().describe('the folder of a module that the plugin writes to: target/surefire-reports'),
  offline: z.boolean().default(true).describe('what the tests need is there; in a sandbox there is no network anyway'),
  ...shared,
});

/** A suite: how its units are found, run and bounded. */
export const suiteSchema = z
  .discriminatedUnion('runner', [junitPlatform, maven, junitXml])
  .superRefine((suite, context) => {
    if (suite.runner !== 'junit-xml') return;
    const placeholder = suite.command.some((word) => word.includes('{unit}'));
    if (placeholder !== suite.units.length > 0) {
      context.addIssue({
        code: 'custom',
        path: ['units'],
        message: placeholder
          ? 'the command has {unit}: say what it stands for'
          : 'units are listed, but the command has no {unit}',
      });
    }
  });

export type SuiteSettings = z.output<typeof suiteSchema>;
export type JunitPlatformSettings = z.output<typeof junitPlatform>;
export type MavenSettings = z.output<typeof maven>;
export type JunitXmlSettings = z.output<typeof junitXml>;
export type SuiteLimits = z.output<typeof limits>;
