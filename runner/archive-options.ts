/** How a JVM takes an archive of classes; one that does not fit it is passed over, and nothing is said of that. */
export const useArchive = (archive: string | undefined): string[] =>
  archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds*=off'];

/**
 * What a suite says itself of archives, of what stands in front of the class path, or in a file that we do not read; an
 * agent sees classes as they are loaded; a system class loader of its own makes a JVM warn of any archive.
 */
const SPEAKS_AGAINST =
  /^(@|-Xshare|-Xbootclasspath|-javaagent|-agent(lib|path)|-XX:(Flags=|VMOptionsFile=|[+-]?[A-Za-z]*(Shared|Archive))|-Djava\.system\.class\.loader)/;
const OPTIONS_BY = ['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS'];

/** Whether the arguments of a suite, and those in its environment, leave us the choice of an archive. */
export function mayUseArchive(args: readonly string[], env: Readonly<Record<string, string>>): boolean {
  const words = OPTIONS_BY.flatMap((name) => (env[name] ?? '').split(/\s+/).map((word) => word.replace(/["']/g, '')));
  return ![...args, ...words].some((word) => SPEAKS_AGAINST.test(word));
}
