/** Where things stand in a Maven repository, and what stands there: https://maven.apache.org/repositories/layout.html */

export type MavenCoordinates = { group: string; id: string; version: string; classifier?: string; extension: string };

const folderOf = ({ group, id }: Pick<MavenCoordinates, 'group' | 'id'>) => `${group.replaceAll('.', '/')}/${id}`;

/** Paths below the repository's address. One with a classifier has no POM of its own: the one without has it. */
export function mavenPaths(of: MavenCoordinates): { file: string; pom?: string; metadata: string } {
  const { id, version, classifier, extension } = of;
  const stem = `${folderOf(of)}/${version}/${id}-${version}`;
  return {
    file: `${stem}${classifier === undefined ? '' : `-${classifier}`}.${extension}`,
    ...(classifier === undefined && { pom: `${stem}.pom` }),
    metadata: `${folderOf(of)}/maven-metadata.xml`,
  };
}

/** `kafka-clients.jar` → its id and extension. */
export function partsOfName(name: string): { id: string; extension: string } {
  const [, id = name, extension = ''] = /^(.+)\.([a-z0-9]+)$/.exec(name) ?? [];
  return { id, extension };
}

type Mapped = { id?: string | undefined; classifier?: string | undefined; pom?: string | undefined };

/** What is wrong with artifacts that are to stand beside each other: each id has one POM, and each file one content. */
export function mavenCollisions(map: Readonly<Record<string, Mapped>>): string[] {
  const items = Object.entries(map).map(([name, of]) => ({ name, ...of, ...placeOf(name, of) }));
  const ids = [...new Set(items.map(({ id }) => id))];
  const poms = ids.flatMap((id) => {
    const main = items.filter((item) => item.id === id && item.classifier === undefined).map(({ name }) => name);
    if (main.length === 1) return [];
    const found = main.length === 0 ? 'all have a classifier' : `${main.join(' and ')} have none`;
    return [`of the id ${id} exactly one artifact has no classifier, and its POM is that of the id; here ${found}`];
  });
  const classified = items.filter(({ classifier }) => classifier !== undefined);
  const twice = classified.filter(({ file }, at) => classified.findIndex((other) => other.file === file) !== at);
  return [
    ...poms,
    ...twice.map(({ name, file }) => `${name} would be published as ${file}, and so would another artifact`),
    ...classified
      .filter(({ pom }) => pom !== undefined)
      .map(
        ({ name, id }) => `${name} has a classifier, and no POM of its own: name it at the artifact of ${id} without`,
      ),
  ];
}

function placeOf(name: string, { id: named, classifier }: Mapped): { id: string; file: string } {
  const { id: own, extension } = partsOfName(name);
  const id = named ?? own;
  return { id, file: `${id}-${classifier}.${extension}` };
}

/** A POM that says what it is, and names no dependencies. The same words for the same coordinates. */
export function plainPom({ group, id, version, extension }: MavenCoordinates): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>${xml(group)}</groupId>
  <artifactId>${xml(id)}</artifactId>
  <version>${xml(version)}</version>
  <packaging>${xml(extension)}</packaging>
</project>
`;
}

/**
 * The list of versions with this one in it, the newest last. A version that is there already is not put in again, and
 * stays where it is.
 */
export function mavenMetadata(
  { group, id, version }: Pick<MavenCoordinates, 'group' | 'id' | 'version'>,
  known: readonly string[],
  at: Date,
): string {
  const versions = known.includes(version) ? known : [...known, version];
  const latest = versions.at(-1) ?? version;
  return `<?xml version="1.0" encoding="UTF-8"?>
<metadata>
  <groupId>${xml(group)}</groupId>
  <artifactId>${xml(id)}</artifactId>
  <versioning>
    <latest>${xml(latest)}</latest>
    <release>${xml(latest)}</release>
    <versions>
${versions.map((one) => `      <version>${xml(one)}</version>`).join('\n')}
    </versions>
    <lastUpdated>${at.toISOString().replace(/\D/g, '').slice(0, 14)}</lastUpdated>
  </versioning>
</metadata>
`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
