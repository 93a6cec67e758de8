/** What tables and comparisons of many runs need of their records: settings and figures, without curves. Plain JSON data. */
import { settingsOf, type Setting } from './run-settings.ts';
import { figuresOf } from './run-table.ts';
import type { Run } from './types.ts';

export interface RunFacts {
  id: string;
  /** See `settingsOf`. */
  settings: Record<string, Setting>;
  /** Results that are numbers, by name. Those that the run does not have are missing. */
  figures: Record<string, number>;
}

export const factsOf = (run: Run): RunFacts => ({
  id: run.id,
  settings: settingsOf(run),
  figures: Object.fromEntries(
    Object.entries(figuresOf(run)).flatMap(([name, value]) =>
      typeof value === 'number' && Number.isFinite(value) ? [[name, value]] : [],
    ),
  ),
});
