/** The finished rankings of a workspace that another engine may have open, each with its threshold there. */
import { evidenceOf, laterColumn, scoresOfRanking } from '../contract/evidence.ts';
import { folderTruth } from '../contract/folder-truth.ts';
import { thresholdInEffect, type RuleChoice, type Threshold } from '../contract/threshold.ts';
import type { Run } from '../contract/types.ts';
import { databaseFile } from './backups.ts';
import { readDatabase } from './database.ts';
import { runOf } from './runs.ts';
import { keptRule, runVisibility } from './settings.ts';

export interface SavedRanking {
  run: Run;
  rule: RuleChoice | null;
  threshold: Threshold;
}

/** Newest first. Throws WinnowError if the workspace cannot be read. */
export const readRankings = (workspaceFolder: string): SavedRanking[] =>
  readDatabase(databaseFile(workspaceFolder), (db) => {
    const rows = db
      .prepare(
        `SELECT record, ${keptRule('id')} AS rule FROM runs JOIN run_records ON run_id = id
         WHERE state = 'done' AND ${runVisibility('id')} IS NOT 'deleted' ORDER BY created_at DESC, runs.rowid DESC`,
      )
      .all() as { record: string; rule: string | null }[];
    const samples = (
      db.prepare('SELECT id, path, tags FROM samples WHERE gone = 0').all() as {
        id: number;
        path: string;
        tags: string | null;
      }[]
    ).map(({ id, path, tags }) => ({ id, path, tags: tags ? (JSON.parse(tags) as string[]) : [] }));
    const truth = folderTruth(samples.map(({ path }) => path));
    const column = db.prepare('SELECT data FROM column_values JOIN columns ON column_id = columns.id WHERE name = ?');
    /** By sample id, without samples whose files are gone; null if there is no such column. */
    const valuesOf = (name: string): Float64Array | null => {
      const row = column.get(name) as { data: Uint8Array } | undefined;
      if (!row) return null;
      const all = new Float64Array(Uint8Array.from(row.data).buffer);
      const values = new Float64Array(all.length).fill(NaN);
      for (const { id } of samples) if (id < all.length) values[id] = all[id];
      return values;
    };
    return rows.flatMap(({ record, rule: json }) => {
      const run = runOf({ record });
      if (run.kind !== 'rank') return [];
      const rule = json === null ? null : (JSON.parse(json) as RuleChoice);
      const scores = scoresOfRanking(valuesOf(run.column) ?? new Float64Array(), valuesOf(laterColumn(run)));
      return [{ run, rule, threshold: thresholdInEffect(evidenceOf(run, samples, scores, truth), rule) }];
    });
  });
