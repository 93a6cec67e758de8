/**
 * Export as a folder: copies, bytes unchanged, what is not rejected, in its sub-folders, with a manifest. It grows in a folder beside the
 * target and is renamed into place when every byte was read back, so that half an export is never taken for a whole one.
 */
import { createHash } from 'node:crypto';
import { constants, createReadStream, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, rename, rm, rmdir, statfs } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { WinnowError } from '../contract/errors.ts';
import type { ExportPlan, ExportResult, Issue, Sample } from '../contract/types.ts';
import { fileIssue } from '../image/find.ts';
import { isInside, nearestExisting, writeWhole } from '../workspace/files.ts';
import type { Report } from '../workspace/jobs.ts';
import { forEachParallel } from '../workspace/parallel.ts';

export interface ExportInput {
  folder: string;
  to: string;
  samples: readonly Sample[];
  /** Left out beside the rejected. */
  isDropped(sample: Sample): boolean;
  unreadable: number;
  /** Columns of the manifest after the fixed ones, by name. */
  scores: ReadonlyMap<string, ReadonlyMap<number, number>>;
}

const isChosen = (input: ExportInput) => (sample: Sample) => sample.decision !== 'reject' && !input.isDropped(sample);
const part = (to: string) => join(dirname(to), `.${basename(to)}.winnow-part`);

/** Checks the target and counts. Writes nothing. Throws WinnowError. */
export async function planFolderExport(input: ExportInput): Promise<ExportPlan> {
  const to = resolve(input.to);
  checkTarget(input.folder, to);
  const chosen = input.samples.filter(isChosen(input));
  const of = (decision: Sample['decision']) => chosen.filter((sample) => sample.decision === decision).length;
  const rejected = input.samples.filter((sample) => sample.decision === 'reject').length;
  const bytes = chosen.reduce((sum, sample) => sum + sample.bytes, 0);
  const disk = await statfs(nearestExisting(to));
  return {
    folder: input.folder, to, copied: chosen.length, bytes, kept: of('keep'), undecided: of(null), unsure: of('unsure'), rejected,
    dropped: input.samples.length - chosen.length - rejected, unreadable: input.unreadable, freeBytes: disk.bavail * disk.bsize,
  };
}

export async function exportFolder(input: ExportInput, report: Report): Promise<ExportResult> {
  const started = performance.now();
  const plan = await planFolderExport(input);
  if (!plan.copied) throw new WinnowError('no-samples', 'Nothing would be exported: every image is rejected or left out.');
  if (plan.bytes > plan.freeBytes) throw new WinnowError('disk-full', `The export needs ${mib(plan.bytes)} and the target’s disk has ${mib(plan.freeBytes)} free.`);
  const chosen = input.samples.filter(isChosen(input));
  const growing = part(plan.to);
  await rm(growing, { recursive: true, force: true });
  await mkdir(growing, { recursive: true });
  const failed: Issue[] = [];
  let done = 0;
  try {
    report.stage('Copying', chosen.length);
    await forEachParallel(chosen, availableParallelism() + 1, report.signal, async (sample) => {
      const issue = await copyOne(input.folder, growing, sample);
      if (issue) failed.push(issue);
      report.progress(++done);
    });
    const missing = new Set(failed.map((issue) => issue.path));
    const copied = chosen.filter((sample) => !missing.has(sample.path));
    await writeManifest(growing, input, copied);
    report.signal.throwIfAborted();
    if (existsSync(plan.to)) await rmdir(plan.to); // empty, as checked; a race makes this fail, and nothing is lost
    await rename(growing, plan.to);
    return { ...plan, copied: copied.length, bytes: copied.reduce((sum, sample) => sum + sample.bytes, 0), seconds: (performance.now() - started) / 1000, failed };
  } catch (error) {
    await rm(growing, { recursive: true, force: true });
    throw error;
  }
}

/** Copies and reads back. A file that is not what was scanned is told, not exported. */
async function copyOne(folder: string, growing: string, sample: Sample): Promise<Issue | null> {
  const target = join(growing, ...sample.path.split('/'));
  await mkdir(dirname(target), { recursive: true });
  try {
    await copyFile(join(folder, sample.path), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') throw error;
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') {
      return { path: sample.path, code: 'unreadable', message: 'Another file of the export has this name where capitals do not count.' };
    }
    return fileIssue(sample.path, error);
  }
  const hash = createHash('sha256');
  await pipeline(createReadStream(target), hash);
  if (hash.digest('hex') === sample.sha256) return null;
  await rm(target, { force: true });
  return { path: sample.path, code: 'unreadable', message: 'The file changed since it was scanned. Scan again, then export.' };
}

async function writeManifest(growing: string, input: ExportInput, copied: readonly Sample[]) {
  const names = [...input.scores.keys()];
  const rows = copied.map((sample) => ({
    path: sample.path, class: sample.class, decision: sample.decision ?? 'undecided', bytes: sample.bytes, width: sample.width, height: sample.height, sha256: sample.sha256,
    scores: Object.fromEntries(names.map((name) => [name, input.scores.get(name)?.get(sample.id) ?? null])),
  }));
  const head = ['path', 'class', 'decision', 'bytes', 'width', 'height', 'sha256', ...names];
  const lines = rows.map(({ scores, ...row }) => [...Object.values(row), ...Object.values(scores)].map(csvField).join(','));
  // The set's own files come first: a manifest never takes the place of an image.
  await writeWhole(freeName(growing, 'manifest', 'csv'), [head.map(csvField).join(','), ...lines, ''].join('\r\n'));
  await writeWhole(freeName(growing, 'manifest', 'json'), `${JSON.stringify({ schema: 'winnow/manifest@1', source: basename(input.folder), samples: rows }, null, 1)}\n`);
}

/** RFC 4180. */
const csvField = (value: string | number | null) => {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

function freeName(folder: string, name: string, extension: string): string {
  for (let i = 0; ; i++) {
    const file = join(folder, `${name}${i ? `-${i}` : ''}.${extension}`);
    if (!existsSync(file)) return file;
  }
}

function checkTarget(folder: string, to: string) {
  if (isInside(folder, to)) {
    throw new WinnowError('target-inside-source', `The target lies inside the opened folder, which is never written to. Choose a place outside ${folder}.`);
  }
  if (!existsSync(to)) return;
  let entries: string[];
  try {
    entries = readdirSync(to);
  } catch {
    throw new WinnowError('target-not-empty', `${to} is not a folder that can be written to.`);
  }
  if (entries.length) throw new WinnowError('target-not-empty', `${to} is not empty, and an export overwrites nothing. Choose a new folder.`);
}

const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
