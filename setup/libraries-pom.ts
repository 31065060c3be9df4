import { ExitError } from '../lib/exit-error.ts';
import type { LibrarySpec } from './libraries.ts';

export interface Coordinates {
  group: string;
  artifact: string;
  version: string;
  classifier: string | undefined;
}

const WORD = /^[\w.-]+$/;

/** `g:a:v`, `g:a:v:classifier` or `g:a:jar:classifier:v`. Throws what is wrong with any other. */
export function parseCoordinates(text: string): Coordinates {
  const words = text.split(':');
  const [group = '', artifact = '', ...rest] = words;
  const long = words.length === 5 && rest[0] === 'jar';
  const [version, classifier] = long ? [rest[2], rest[1]] : [rest[0], rest[1]];
  const wellFormed = words.length >= 3 && (words.length <= 4 || long) && words.every((word) => WORD.test(word));
  if (!wellFormed || version === undefined) {
    throw new ExitError(
      2,
      `"${text}" does not name a Maven artifact; write group:artifact:version or group:artifact:version:classifier`,
    );
  }
  return { group, artifact, version, classifier };
}

/** A project whose only purpose is its dependencies. Every word has been checked against a pattern without markup. */
export function librariesPom(spec: LibrarySpec): string {
  const excludes = spec.transitive ? (spec.excludes ?? []) : ['*:*'];
  const dependencies = spec.coordinates.map((text) => dependency(parseCoordinates(text), excludes));
  const pins = (spec.pins ?? []).map((text) => dependency(parseCoordinates(text), []));
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>patchwright</groupId>
  <artifactId>libraries</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencyManagement><dependencies>${pins.join('')}</dependencies></dependencyManagement>
  <dependencies>${dependencies.join('')}
  </dependencies>
</project>
`;
}

function dependency({ group, artifact, version, classifier }: Coordinates, excludes: readonly string[]): string {
  return `
    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${version}</version>${classifier === undefined ? '' : `\n      <classifier>${classifier}</classifier>`}
      <exclusions>${excludes.map(exclusion).join('')}</exclusions>
    </dependency>`;
}

function exclusion(text: string): string {
  const [group = '', artifact = '*', ...rest] = text.split(':');
  const valid = [group, artifact].every((word) => word === '*' || WORD.test(word)) && rest.length === 0;
  if (!valid) throw new ExitError(2, `"${text}" does not name what to leave out; write group:artifact or group:*`);
  return `<exclusion><groupId>${group}</groupId><artifactId>${artifact}</artifactId></exclusion>`;
}
