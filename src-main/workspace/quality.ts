/** Quality checks over the whole folder: scores as columns, flags by adjustable thresholds, findings about the data set. */
import { checks } from '../check/index.ts';
import { findings } from '../check/findings.ts';
import type { CheckInput } from '../check/check.ts';
import { WinnowError } from '../contract/errors.ts';
import type { CheckState, Finding } from '../contract/types.ts';
import type { Groups } from './groups.ts';
import { settingKey, type Settings } from './settings.ts';
import { independentImages } from './splits.ts';
import type { Table } from './table.ts';

export class Quality {
  #table: Table;
  #settings: Settings;
  #groups: Groups;
  /** Valid for one shape of the table. */
  #cached: { shape: number; list?: CheckState[]; findings?: Finding[] } = { shape: 0 };

  constructor(table: Table, settings: Settings, groups: Groups) {
    this.#table = table;
    this.#settings = settings;
    this.#groups = groups;
  }

  /** Scores all samples by all checks, because a check may compare a sample with all others. */
  run() {
    const { ids, input } = this.#input();
    if (!ids.length) return;
    this.#table.write(() => {
      for (const check of checks) this.#table.putColumn(check.id, check.title, null, ids, check.score(input));
    });
  }

  list(): CheckState[] {
    return (this.#current().list ??= this.#list());
  }

  findings(): Finding[] {
    return (this.#current().findings ??= findings(this.#input().input));
  }

  #current() {
    if (this.#cached.shape !== this.#table.shape) this.#cached = { shape: this.#table.shape };
    return this.#cached;
  }

  #list(): CheckState[] {
    const thresholds = new Map(this.#settings.all<number>('threshold'));
    return checks.map(({ id, title, summary, threshold: defaultThreshold }) => {
      const threshold = thresholds.get(id) ?? defaultThreshold;
      let flagged = 0;
      if (this.#table.resolveColumn(id) !== null)
        for (const score of this.#table.values(id)) if (score >= threshold) flagged++;
      return { id, title, summary, threshold, defaultThreshold, flagged };
    });
  }

  /** The key of the setting with a check's threshold. Throws WinnowError for an unknown check. */
  thresholdKey(id: string): string {
    if (!checks.some((check) => check.id === id))
      throw new WinnowError(
        'bad-request',
        `There is no check ‘${id}’. Available: ${checks.map((check) => check.id).join(', ')}.`,
      );
    return settingKey('threshold', id);
  }

  #input(): { ids: number[]; input: CheckInput } {
    const samples = this.#table.samples();
    const ids = samples.map(({ id }) => id);
    const gathered = new Map<string, Float64Array>();
    const gather = (name: string) => {
      if (name === 'width' || name === 'height' || name === 'bytes' || name === 'frames')
        return Float64Array.from(samples, (sample) => sample[name]);
      const column = this.#table.resolveColumn(name) === null ? new Float64Array() : this.#table.values(name);
      return Float64Array.from(ids, (id) => column[id] ?? NaN);
    };
    const values = (name: string) => {
      let found = gathered.get(name);
      if (!found) gathered.set(name, (found = gather(name)));
      return found;
    };
    return {
      ids,
      input: {
        count: ids.length,
        values,
        paths: samples.map(({ path }) => path),
        formats: samples.map(({ format }) => format),
        classes: samples.map((sample) => sample.class),
        units: independentImages(samples, this.#groups.list()),
      },
    };
  }
}
