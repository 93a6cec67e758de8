/** The class and the split of each folder, as all folders together and the person's choice tell (`contract/folder-classes.ts`). */
import {
  folderClasses,
  type ClassChoice,
  type ClassRule,
  type FolderClasses,
  type FolderPlace,
} from '../contract/folder-classes.ts';
import type { Database } from './database.ts';
import { settingKey } from './settings.ts';

/** The setting with the person's `ClassRule`. */
export const classRuleKey = settingKey('classes', 'by');

const nowhere: FolderPlace = { class: null, split: null };

export class FolderPlaces {
  #db: Database;
  #known: FolderClasses | null = null;

  constructor(db: Database) {
    this.#db = db;
  }

  rule(): ClassRule {
    const row = this.#db.get<{ value: string }>('SELECT value FROM settings WHERE key = ?', classRuleKey);
    return row ? (JSON.parse(row.value) as ClassRule) : 'auto';
  }

  /** What was chosen when classes were last assigned; null before that. */
  choice(): ClassChoice | null {
    const row = this.#db.get<{ value: string }>("SELECT value FROM meta WHERE key = 'classes'");
    return row ? (JSON.parse(row.value) as ClassChoice) : null;
  }

  /** Takes these paths for those of all images, until `changes` is called: a scan knows them before it has read the images. */
  expect(paths: Iterable<string>) {
    this.#known = folderClasses(paths, this.rule());
  }

  /** Whether the folder of a path is one of those that were read last. */
  isKnown = (path: string): boolean => this.#known?.of(path) !== undefined;

  of = (path: string): FolderPlace => this.#known?.of(path) ?? nowhere;

  /** Reads the folders of all images. Returns the images whose stored place is another one. */
  changes(): { changes: { id: number; place: FolderPlace }[]; choice: ClassChoice } {
    const rows = this.#db.all<{ id: number; path: string; class: string | null; split: string | null }>(
      'SELECT id, path, class, split FROM samples WHERE gone = 0',
    );
    const known = folderClasses(
      rows.map(({ path }) => path),
      this.rule(),
    );
    this.#known = known;
    const changes = rows.flatMap(({ id, path, class: name, split }) => {
      const place = known.of(path) as FolderPlace;
      return place.class === name && place.split === split ? [] : [{ id, place }];
    });
    return { changes, choice: known.choice };
  }
}
