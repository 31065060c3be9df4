import { isSource } from './proposal/types.ts';
import { isFileOf } from './repair.ts';

/** Why a suite has nothing to run where only what is touched is wanted: that is an answer, and no fault. */
export const NONE_TOUCHED = 'no test class of this suite is touched, nor any in a package that is';

/**
 * The units of a suite that a change is about: classes whose file it touches, and those of the packages whose source it
 * touches. Units that are no classes (a command's) cannot be told, and are none of them.
 *
 * @param paths files that were added, changed or removed.
 */
export function touchedUnits(units: readonly string[], paths: readonly string[]): string[] {
  const sources = paths.filter(isSource);
  const folders = [...new Set(sources.map((path) => `/${path.split('/').slice(0, -1).join('/')}`))];
  return units.filter((unit) => {
    // A class of a Maven project is called by its module too.
    const name = unit.slice(unit.lastIndexOf(':') + 1);
    const parts = name.split('.');
    const inPackage = `/${parts.slice(0, -1).join('/')}`;
    const isNear = parts.length > 1 && folders.some((folder) => folder.endsWith(inPackage));
    return isNear || sources.some((path) => isFileOf(path, { unit: name, test: name }));
  });
}
