/** `evaluate FOLDER`: how well a ranking separates normal and anomalous images, and its maps the defects, where the truth is known. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import type { Evaluation } from '../contract/evaluation.ts';
import { evaluateSchema } from '../contract/schemas.ts';
import type { RuleChoice } from '../contract/threshold.ts';
import { plural, printable, whole } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { pathOnDisk } from '../file/same-path.ts';
import { ruleOption } from './rank.ts';

interface EvaluateOptions extends FolderOptions {
  run?: string;
  truth?: string;
  masks?: string;
  threshold?: RuleChoice;
  /** False with --no-pixels. */
  pixels: boolean;
}

export function addEvaluateCommand(program: Command) {
  folderCommand(
    program,
    'find',
    'evaluate',
    'compare a ranking with the truth: AUROC, F1, mistakes; with masks, pixels too',
    ['photos', 'photos --run padim-1 --truth truth.csv --json -', 'photos/test --masks photos/ground_truth'],
  )
    .option('--run <id>', 'a finished ranking (default: the newest)')
    .option(
      '--truth <file>',
      'table with the columns path and is_anomaly (0 or 1) or label (good, or the kind of defect); default: the tags normal and anomalous, masks, names of folders',
    )
    .option(
      '--masks <dir>',
      'folder of masks, black where the image is normal (default: ground_truth in or beside the folder)',
    )
    .option(
      '--threshold <rule[:value]>',
      'what counts as flagged, as for `rank` (default: the rule of the ranking)',
      ruleOption,
    )
    .option('--no-pixels', 'do not compare error maps with masks')
    .addOption(backendOption())
    .action((folder: string, options: EvaluateOptions) =>
      inFolder(folder, options, (client) => evaluateCommand(client, options)),
    );
}

async function evaluateCommand(client: Client, options: EvaluateOptions): Promise<void> {
  const request = evaluateSchema.parse({
    runId: options.run ?? null,
    truth: options.truth === undefined ? null : await pathOnDisk(resolve(options.truth)),
    masks: options.masks === undefined ? null : await pathOnDisk(resolve(options.masks)),
    threshold: options.threshold ?? null,
  });
  let evaluation = await client.calls.evaluation.judge.query(request);
  if (options.pixels && evaluation.hasMasks && !evaluation.pixel) {
    const fixed = { ...request, runId: evaluation.run };
    await follow(client, options, () => client.calls.evaluation.pixels.mutate(fixed));
    evaluation = await client.calls.evaluation.judge.query(fixed);
  }
  const { run, truth, image, byType, worst, notes } = evaluation;
  const pixel = options.pixels ? evaluation.pixel : null;
  writeJson(options, {
    schema: 'winnow/evaluate@1',
    folder: client.folder,
    run,
    truth,
    image,
    pixel,
    byType,
    worst,
    notes,
  });
  if (!image) throw new WinnowError('no-samples', notes.join('\n'));
  for (const note of notes) say(options, note);
  if (options.quiet || options.json === '-') return;
  process.stdout.write(
    `${tableOf({ ...evaluation, pixel, image })
      .map(printable)
      .join('\n')}\n`,
  );
}

function tableOf({
  run,
  truth,
  image,
  pixel,
  byType,
  worst,
}: Evaluation & { image: NonNullable<Evaluation['image']> }): string[] {
  const { truePositive, falsePositive, falseNegative, trueNegative } = image.confusion;
  const row = (name: string, ...values: (string | number)[]) => `${name.padEnd(20)}${values.join('  ')}`;
  const interval =
    image.low === null || image.high === null ? '' : `[${image.low.toFixed(3)}, ${image.high.toFixed(3)}]`;
  const names = worst.misses.slice(0, 5).map(({ path, score }) => `  missed       ${score.toPrecision(5)}  ${path}`);
  const alarms = worst.falseAlarms
    .slice(0, 5)
    .map(({ path, score }) => `  false alarm  ${score.toPrecision(5)}  ${path}`);
  return [
    row('run', run),
    row('truth', `${truth.source}: ${whole(truth.normal)} normal, ${whole(truth.anomalous)} anomalous`),
    row('image AUROC', image.auroc.toFixed(3), interval),
    row('average precision', image.ap.toFixed(3)),
    row(
      'F1',
      image.f1.toFixed(3),
      `at ${image.threshold.toPrecision(5)} (${image.rule}); best ${image.best.f1.toFixed(3)} at ${image.best.threshold.toPrecision(5)}`,
    ),
    row('anomalous', `${whole(truePositive)} found, ${whole(falseNegative)} missed`),
    row('normal', `${whole(trueNegative)} passed, ${plural(falsePositive, 'false alarm')}`),
    ...(pixel
      ? [
          row('pixel AUROC', pixel.auroc.toFixed(3)),
          row('AUPRO (0.3)', pixel.aupro.toFixed(3), `on ${plural(pixel.regions, 'region')}`),
        ]
      : []),
    ...byType.map(({ type, images, auroc, ap }) =>
      row(`  ${type}`, `AUROC ${auroc.toFixed(3)}`, `AP ${ap.toFixed(3)}`, plural(images, 'image')),
    ),
    ...names,
    ...alarms,
  ];
}
