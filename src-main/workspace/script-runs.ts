/**
 * Run ids in a replay script. The script makes only the runs that the journal records: finished rankings and trainings. Unfinished runs took numbers too, so
 * `cnn-3` can become `cnn-1`. Searches for label errors and learning rate range tests are not recorded; a command that needs one cannot be repeated.
 */
import { WinnowError } from '../contract/errors.ts';
import { renameColumns } from '../contract/expression.ts';
import type { SavedView } from '../contract/types.ts';

export class ScriptRuns {
  /** By the original id. */
  #ids = new Map<string, string>();
  /** How many runs the script has made of a method or model. */
  #counts = new Map<string, number>();

  /** The script has made this run of a method or model. Returns the id there. */
  add(name: string, original: string): string {
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    this.#ids.set(original, `${name}-${count}`);
    return `${name}-${count}`;
  }

  /** The ids of those that the script has made. Throws WinnowError if it made none. */
  idsOf(originals: readonly string[]): string[] {
    const ids = originals.flatMap((id) => this.#ids.get(id) ?? []);
    if (!ids.length) throw new WinnowError('no-run', `this script does not make ${originals.join(', ')}.`);
    return ids;
  }

  /** The expression with the columns of the script's runs. Throws WinnowError if it needs another run. */
  rename(expression: string): string {
    return renameColumns(expression, (name) => this.#column(name));
  }

  /** Throws WinnowError, as `rename`. */
  renameInView({ name, where, order }: SavedView): SavedView {
    return { name, where: where && this.rename(where), order: { ...order, by: this.#column(order.by) } };
  }

  #column(name: string): string {
    const dot = name.lastIndexOf('.');
    if (dot < 0) return name; // no column of a run
    const run = name.slice(0, dot);
    const id = this.#ids.get(run);
    if (id) return `${id}${name.slice(dot)}`;
    if (this.#counts.has(run)) return name; // of the newest run of a method
    throw new WinnowError('no-column', `this script does not make the column ‘${name}’.`);
  }
}
