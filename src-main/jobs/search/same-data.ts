/** The trials of a search are of the images, classes, splits and known truth that it started with. */
import { WinnowError } from '../../contract/errors.ts';

/** Throws WinnowError `nothing-to-do` if the hashes differ. */
export function requireSameData(found: string, started: string): void {
  if (found !== started)
    throw new WinnowError(
      'nothing-to-do',
      'Images, classes, splits or the known truth have changed since the search started, so its trials no longer apply. Start a new search; it may use the same space.',
    );
}
