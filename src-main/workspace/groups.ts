/**
 * Groups of duplicates: computed after a scan and stored. Images that the user marked as not duplicates are separated when the groups are
 * read, so that undo needs no new search.
 */
import { kindsOf } from '../contract/read.ts';
import type { Difference, DuplicateKind, Group, Sample } from '../contract/types.ts';
import { differInDetail, type Detail } from '../duplicate/detail.ts';
import { findDuplicates } from '../duplicate/groups.ts';
import { issueOf } from '../image/issue.ts';
import { openImage } from '../image/decode.ts';
import { makeDetail } from '../image/detail.ts';
import { identityOf } from '../image/identity.ts';
import { folderRendering } from '../image/rendering.ts';
import { makeThumb, readThumb } from '../image/pixels.ts';
import { thumbFile } from '../image/thumb-file.ts';
import { withBytes, withImage } from '../image/scanned.ts';
import { NotDuplicates } from './not-duplicates.ts';
import type { Database } from './database.ts';
import type { Report } from './report.ts';
import type { Settings } from './settings.ts';
import type { Table } from './table.ts';

export class Groups {
  #db: Database;
  #table: Table;
  #settings: Settings;
  /** Valid for one shape of the table. */
  #cached: { shape: number; groups: Group[]; kinds: ReadonlyMap<number, readonly DuplicateKind[]> } | null = null;

  constructor(db: Database, table: Table, settings: Settings) {
    this.#db = db;
    this.#table = table;
    this.#settings = settings;
  }

  /**
   * `likely`: pairs of ids to compare whatever their fingerprints are. Returns false if a file could temporarily not be read, so that the
   * next scan searches again.
   */
  async find(
    folder: string,
    workspaceFolder: string,
    report: Report,
    likely: readonly (readonly [number, number])[] = [],
  ): Promise<boolean> {
    const candidates = this.#table.fingerprints();
    let isComplete = true;
    const read = async <Result>(id: number, work: (sample: Sample) => Promise<Result>): Promise<Result> => {
      const sample = this.#table.sample(id) as Sample;
      try {
        return await work(sample);
      } catch (error) {
        if (!issueOf(sample.path, error).isFinding) isComplete = false;
        throw error;
      }
    };
    // Comparisons are stored, so that the next search compares only new images.
    const verdicts = new Map(
      this.#db
        .all<{ pair: string; value: number }>('SELECT pair, value FROM verdicts')
        .map(({ pair, value }) => [pair, value]),
    );
    const known = verdicts.size;
    const detailOf = (id: number) => read(id, (sample) => withImage(folder, sample, makeDetail));
    /** All members of a group are compared with its first one, which is decoded once. */
    let leader: { id: number; detail: Detail } | null = null;
    report.stage('Finding duplicates', candidates.length);
    const groups = await findDuplicates(candidates, {
      signal: report.signal,
      onProgress: (done, total) => report.progress(done, total),
      likely,
      isNotDuplicate: () => false, // `#read` separates the pairs that the user marked
      verdicts,
      pixels: (id) =>
        read(id, (sample) =>
          readThumb(thumbFile(workspaceFolder, sample.sha256)).catch(async () =>
            readThumb((await withImage(folder, sample, makeThumb)).bytes),
          ),
        ),
      identity: (id) =>
        read(id, (sample) =>
          withBytes(folder, sample, async (bytes) =>
            identityOf(await openImage(bytes, sample.path, folderRendering(folder)), bytes, sample.sha256),
          ),
        ),
      differInDetail: async (a, b) => {
        if (leader?.id !== a) leader = { id: a, detail: await detailOf(a) };
        return differInDetail(leader.detail, await detailOf(b));
      },
    });
    this.#table.reshape();
    this.#table.write(() => {
      for (const [pair, value] of [...verdicts].slice(known))
        this.#db.run('INSERT OR REPLACE INTO verdicts (pair, value) VALUES (?, ?)', pair, value);
      this.#db.run('DELETE FROM groups');
      for (const { kind, ids, score, differences } of groups)
        this.#db.run(
          'INSERT INTO groups (kind, score, members, differences) VALUES (?, ?, ?, ?)',
          kind,
          score,
          JSON.stringify(ids),
          JSON.stringify(differences),
        );
    });
    return isComplete;
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
    const rows = this.#db.all<{ id: number; kind: DuplicateKind; score: number; members: string; differences: string }>(
      'SELECT id, kind, score, members, differences FROM groups ORDER BY id',
    );
    const groups: Group[] = [];
    if (rows.length) {
      const notDuplicates = new NotDuplicates(this.#settings);
      for (const { id, kind, score, members, differences } of rows) {
        const present = (JSON.parse(members) as number[]).flatMap((member) => this.#table.sample(member) ?? []);
        for (const [part, list] of notDuplicates.splitGroup(present).entries()) {
          groups.push({
            id: id * 1000 + part,
            kind,
            score,
            ids: list.map((sample) => sample.id),
            crossesClasses: new Set(list.map((sample) => sample.class)).size > 1,
            crossesSplits: new Set(list.map(({ split }) => split)).size > 1,
            differences: JSON.parse(differences) as Difference[],
          });
        }
      }
    }
    return (this.#cached = { shape: this.#table.shape, groups, kinds: kindsOf(groups) });
  }
}
