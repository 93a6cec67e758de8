/**
 * What bundled weights know each image by: one row of numbers an image and model, computed once, by content, and used by all that asks who is like whom. A file
 * that changed, or came later, gets a row of its own; rows are on the disk before the index names them.
 */
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { usual, type Pretrained } from '../compute/models/pretrained.ts';
import type { EmbeddingSet } from '../compute/embed/rows.ts';
import type { Issue, Sample } from '../contract/types.ts';
import { RowFile } from '../file/rows.ts';
import { issueOf } from '../image/issue.ts';
import { makeRow } from '../image/pixels.ts';
import { withImage } from '../image/scanned.ts';
import type { Database } from './database.ts';
import type { JobContext } from '../jobs/context.ts';
import type { Report } from './jobs.ts';
import { forEachParallel } from './parallel.ts';
import { inWords } from './runs.ts';

export interface Embedded extends EmbeddingSet {
  source: Pretrained;
  /** Samples that have a row, in the order asked for. */
  samples: Sample[];
}

/** Other weights under the same name are another model. */
const keyOf = ({ id, sha256 }: Pretrained): string => `${id}@${sha256.slice(0, 8)}`;
const fileOf = (workspaceFolder: string, source: Pretrained): string =>
  join(workspaceFolder, 'embeddings', `${keyOf(source)}.f32`);
/** Rows by content. What is named beyond the file's end, as when somebody threw it away, is not there. */
function indexed(
  { db, workspaceFolder }: Pick<JobContext, 'db' | 'workspaceFolder'>,
  source: Pretrained,
): Map<string, number> {
  const there = Math.floor(
    (statSync(fileOf(workspaceFolder, source), { throwIfNoEntry: false })?.size ?? 0) / (source.size * 4),
  );
  const rows = db.all<{ sha256: string; row: number }>(
    'SELECT sha256, row FROM embedding_rows WHERE model = ? AND row < ?',
    keyOf(source),
    there,
  );
  return new Map(rows.map(({ sha256, row }) => [sha256, row]));
}

/** Images that go to the compute process at once, and how many such blocks are on their way while more are decoded. */
const blockImages = 20;
const blocksAhead = 2;

/** Those of `samples` whose embedding is there already. */
export function embeddingsOf(
  context: Pick<JobContext, 'db' | 'workspaceFolder'>,
  samples: readonly Sample[],
  source = usual,
): Embedded {
  const rows = indexed(context, source);
  const known = samples.filter(({ sha256 }) => rows.has(sha256));
  return {
    source,
    file: fileOf(context.workspaceFolder, source),
    size: source.size,
    samples: known,
    rows: Int32Array.from(known, ({ sha256 }) => rows.get(sha256) as number),
  };
}

/** Gives each sample its embedding, computing those that are missing. Files that cannot be read any more become issues. Throws WinnowError. */
export async function embedSamples(
  context: JobContext,
  samples: readonly Sample[],
  report: Report,
  source = usual,
): Promise<Embedded> {
  const { table } = context;
  const rows = indexed(context, source);
  const missing = [
    ...new Map(samples.filter(({ sha256 }) => !rows.has(sha256)).map((sample) => [sample.sha256, sample])).values(),
  ];
  if (missing.length) {
    report.stage('Embedding', missing.length);
    const issues = await addRows(context, missing, source, report);
    table.putScanned(
      [],
      issues.map((issue) => ({ ...issue, bytes: -1, modifiedMs: -1 })),
    );
  }
  return embeddingsOf(context, samples, source);
}

async function addRows(
  { db, compute, folder, workspaceFolder }: JobContext,
  wanted: readonly Sample[],
  source: Pretrained,
  report: Report,
): Promise<Issue[]> {
  const rows = RowFile.open(fileOf(workspaceFolder, source), source.size * 4);
  const issues: Issue[] = [];
  let done = 0;
  const put = (samples: readonly Sample[], codes: Float32Array): void => {
    if (codes.length !== samples.length * source.size)
      throw new Error(`${codes.length / source.size} embeddings came for ${samples.length} images.`);
    const bytes = new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength);
    const first = rows.add(bytes);
    rows.sync();
    db.transaction(() =>
      samples.forEach(({ sha256 }, i) =>
        db.run(
          'INSERT OR REPLACE INTO embedding_rows (model, sha256, row) VALUES (?, ?, ?)',
          keyOf(source),
          sha256,
          first + i,
        ),
      ),
    );
    report.progress((done += samples.length));
  };
  const inFlight: Promise<void>[] = [];
  let block: { sample: Sample; row: Uint8Array }[] = [];
  const send = (): void => {
    const sent = block;
    block = [];
    if (!sent.length) return;
    const bytes = new Uint8Array(sent.reduce((sum, { row }) => sum + row.length, 0));
    sent.forEach(({ row }, i) => bytes.set(row, i * row.length));
    inFlight.push(
      compute.call('features', { model: source.id, bytes }, { signal: report.signal }).then(({ codes }) =>
        put(
          sent.map(({ sample }) => sample),
          codes,
        ),
      ),
    );
    inFlight.at(-1)?.catch(() => undefined); // told when it is waited for
  };
  try {
    // Rows of a file that was thrown away or cut: their places are given to others.
    db.run('DELETE FROM embedding_rows WHERE model = ? AND row >= ?', keyOf(source), rows.whole);
    await forEachParallel(wanted, availableParallelism() + 1, report.signal, async (sample) => {
      try {
        const row = await rowOf(folder, sample, source);
        block.push({ sample, row }); // the block of now: another may have been sent while this image was decoded
      } catch (error) {
        report.signal.throwIfAborted();
        issues.push(issueOf(sample.path, error).issue);
        report.progress(++done);
      }
      if (block.length >= blockImages) send();
      while (inFlight.length > blocksAhead) await inFlight.shift();
    });
    send();
    await Promise.all(inFlight.splice(0));
    return issues;
  } catch (error) {
    throw inWords(error);
  } finally {
    await Promise.allSettled(inFlight);
    rows.close();
  }
}

/** Beyond this many images, all against all would take longer than a scan should. */
const mostCompared = 20_000;

/** Pairs of ids whose embeddings, where they are there already, are nearest to each other. */
export async function likelyPairs(
  context: JobContext,
  signal: AbortSignal,
  source = usual,
): Promise<[number, number][]> {
  const { samples, file, size, rows } = embeddingsOf(context, context.table.samples(), source);
  if (samples.length < 2 || samples.length > mostCompared || !existsSync(file)) return [];
  const pairs = await context.compute
    .call('pairs', { embeddings: { file, size, rows }, width: source.last, k: 4, least: 0.85 }, { signal })
    .catch((error: unknown) => {
      throw inWords(error);
    });
  return Array.from({ length: pairs.length / 2 }, (_, i) => [samples[pairs[2 * i]].id, samples[pairs[2 * i + 1]].id]);
}

/** How many images have one. */
export const embeddedCount = (db: Database, source = usual): number =>
  db.get<{ n: number }>('SELECT count(*) AS n FROM embedding_rows WHERE model = ?', keyOf(source))?.n ?? 0;

/** An image as the weights take it: the whole of it, in their square. */
export const rowOf = (folder: string, sample: Sample, { sizePx }: Pretrained): Promise<Uint8Array> =>
  withImage(folder, sample, (image) => makeRow(image, sizePx));
