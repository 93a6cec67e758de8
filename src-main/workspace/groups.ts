/** Groups of duplicates: computed after a scan, stored, and listed without images that the user marked as not duplicates. */
import { kindsOf, splitOf } from '../contract/read.ts';
import type { DuplicateKind, Group, Sample } from '../contract/types.ts';
import { findDuplicates } from '../duplicate/groups.ts';
import { issueOf } from '../image/issue.ts';
import { hashPixels, makeThumb, readThumb } from '../image/pixels.ts';
import { thumbFile } from '../image/read.ts';
import { withImage } from '../image/scanned.ts';
import { NotDuplicates } from './not-duplicates.ts';
import type { Database } from './database.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

export class Groups {
  #db: Database;
  #table: Table;
  #settings: Settings;
  /** Of one shape of the table. */
  #cached: { shape: number; groups: Group[]; kinds: ReadonlyMap<number, readonly DuplicateKind[]> } | null = null;

  constructor(db: Database, table: Table, settings: Settings) {
    this.#db = db;
    this.#table = table;
    this.#settings = settings;
  }

  /**
   * `likely`: pairs of ids that are worth a look whatever their fingerprints say. Returns whether all was looked at that could be: false where a file could not be
   * read for the moment, which says nothing of its picture, so that the next scan looks again.
   */
  async find(
    folder: string,
    workspaceFolder: string,
    report: Report,
    likely: readonly (readonly [number, number])[] = [],
  ): Promise<boolean> {
    const candidates = this.#table.fingerprints();
    let isWhole = true;
    const look = async <Seen>(id: number, see: (sample: Sample) => Promise<Seen>): Promise<Seen> => {
      const sample = this.#table.sample(id) as Sample;
      try {
        return await see(sample);
      } catch (error) {
        if (!issueOf(sample.path, error).isFinding) isWhole = false;
        throw error;
      }
    };
    // What was once compared is not compared again: the next search after a few new images is quick.
    const verdicts = new Map(
      this.#db
        .all<{ pair: string; value: number }>('SELECT pair, value FROM verdicts')
        .map(({ pair, value }) => [pair, value]),
    );
    const known = verdicts.size;
    report.stage('Finding duplicates', candidates.length);
    const groups = await findDuplicates(candidates, {
      signal: report.signal,
      onProgress: (done, total) => report.progress(done, total),
      likely,
      isNotDuplicate: () => false, // the user's marks are applied when groups are read, so that removing a mark needs no new search
      verdicts,
      pixels: (id) =>
        look(id, (sample) =>
          readThumb(thumbFile(workspaceFolder, sample.sha256)).catch(() => withImage(folder, sample, makeThumb)),
        ),
      pixelHash: (id) => look(id, (sample) => withImage(folder, sample, hashPixels)),
    });
    this.#table.reshape();
    this.#table.write(() => {
      for (const [pair, value] of [...verdicts].slice(known))
        this.#db.run('INSERT OR REPLACE INTO verdicts (pair, value) VALUES (?, ?)', pair, value);
      this.#db.run('DELETE FROM groups');
      for (const { kind, ids, score } of groups)
        this.#db.run('INSERT INTO groups (kind, score, members) VALUES (?, ?, ?)', kind, score, JSON.stringify(ids));
    });
    return isWhole;
  }

  list(): Group[] {
    return this.#read().groups;
  }

  /** Kinds of the groups that a sample is in. */
  kinds(): ReadonlyMap<number, readonly DuplicateKind[]> {
    return this.#read().kinds;
  }

  #read() {
    if (this.#cached?.shape === this.#table.shape) return this.#cached;
    const rows = this.#db.all<{ id: number; kind: DuplicateKind; score: number; members: string }>(
      'SELECT id, kind, score, members FROM groups ORDER BY id',
    );
    const groups: Group[] = [];
    if (rows.length) {
      const samples = new Map(this.#table.samples().map((sample) => [sample.id, sample]));
      const apart = new NotDuplicates(this.#settings);
      for (const { id, kind, score, members } of rows) {
        const there = (JSON.parse(members) as number[]).flatMap((member) => samples.get(member) ?? []);
        for (const [part, list] of apart.together(there).entries()) {
          groups.push({
            id: id * 1000 + part,
            kind,
            score,
            ids: list.map((sample) => sample.id),
            crossesClasses: new Set(list.map((sample) => sample.class)).size > 1,
            crossesSplits: new Set(list.map(({ path }) => splitOf(path))).size > 1,
          });
        }
      }
    }
    return (this.#cached = { shape: this.#table.shape, groups, kinds: kindsOf(groups) });
  }
}
