/** `inspect FOLDER`: the layers of a network, with their filters, feature maps, and what a unit answers to. */
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import type { NetworkLayer, UnitImage, UnitSurvey } from '../contract/inside.ts';
import { plural, printable, whole } from '../contract/words.ts';
import { PathIndex } from '../contract/same-name.ts';
import type { Client } from '../door/client.ts';
import { npyBytes } from '../file/npy.ts';
import { OutputFolder } from '../file/output-folder.ts';
import { backendOption, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { filtersPicture, mapsPicture } from './inspect-pictures.ts';
import { checkFolders, codeOf, follow, say, writeJson } from './output.ts';
import { allSamples } from './samples.ts';

interface InspectOptions extends FolderOptions {
  run?: string;
  filters?: string;
  maps?: string[];
  unit?: { layer: string; unit: number };
}

export function addInspectCommand(program: Command) {
  folderCommand(
    program,
    'look',
    'inspect',
    'look inside a network: layers, filters, feature maps, what units answer to',
    [
      'photos --run cnn-1',
      'photos --run cnn-1 --filters filters --maps cat/1.jpg maps',
      'photos --run efficientnet-lite0 --unit stage3/block2/add:17 --json -',
    ],
  )
    .option('--run <id>', 'a finished run, or bundled weights (default: the newest run)')
    .option('--filters <dir>', 'write the kernels of each layer as a picture into this folder')
    .option(
      '--maps <image and dir...>',
      'write the feature maps of this image into this folder: of each layer a picture, and a NumPy file [channels, rows, columns]',
    )
    .option('--unit <layer:n>', 'show the images that drive this unit most and least', unitOf)
    .addOption(backendOption())
    .action((folder: string, options: InspectOptions) => {
      checkFolders({ '--filters': options.filters }, folder);
      return inFolder(folder, options, (client) => inspectCommand(client, options));
    });
}

function unitOf(text: string): { layer: string; unit: number } {
  const [, layer, unit] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (!layer) throw new InvalidArgumentError('Give a layer and the number of a unit, such as block1:7.');
  return { layer, unit: Number(unit) };
}

async function inspectCommand(client: Client, options: InspectOptions): Promise<void> {
  const { inside } = client.calls;
  const open = (path: string, what: string) => new OutputFolder(resolve(path), [client.folder], what);
  if (options.maps && options.maps.length !== 2)
    throw new WinnowError('bad-request', '--maps takes an image of the folder and a folder to write to.');
  const filters = options.filters === undefined ? null : open(options.filters, 'The folder for filters');
  const maps = options.maps ? open(options.maps[1], 'The folder for maps') : null;
  if (filters && filters.path === maps?.path)
    throw new WinnowError('bad-request', 'Filters and maps have the same file names. Choose two folders.');
  const run = options.run ?? (await inside.subjects.query())[0].id;
  const { layers } = await inside.network.query({ run });
  const withKernel = layers.filter(({ kernel }) => kernel !== null);
  await filters?.check(withKernel.map(pictureName));
  await maps?.check(layers.flatMap((layer) => [pictureName(layer), arrayName(layer)]));

  await follow(client, options, () => inside.survey.mutate({ run }));
  const described: Described[] = [];
  for (const layer of layers) {
    const { name, kind, output, parameters, flops } = layer;
    const survey = await inside.layer.query({ run, layer: name });
    const isJudged = survey?.units.some(({ silent }) => silent !== null) ?? false;
    const dead = isJudged ? survey!.units.filter(({ isDead }) => isDead).length : null;
    described.push({ name, kind, shape: output, parameters, flops, dead });
  }
  const unit = options.unit ? await inside.unit.query({ run, ...options.unit }) : null;
  if (options.unit && !unit)
    throw new WinnowError('bad-request', `There is no layer ‘${options.unit.layer}’ in ${run}.`);

  if (filters) await writeFilters(client, options, filters, run, withKernel);
  if (maps) await writeMaps(client, options, maps, run, layers, options.maps![0]);
  writeJson(options, {
    schema: 'winnow/inspect@1',
    folder: client.folder,
    run,
    layers: described,
    ...(unit && { unit: unitJson(unit) }),
  });
  if (options.quiet || options.json === '-') return;
  process.stdout.write(`${tableOf(described)}\n${unit ? `\n${unitText(unit)}\n` : ''}`);
}

interface Described extends Pick<NetworkLayer, 'name' | 'kind' | 'parameters' | 'flops'> {
  shape: readonly number[];
  /** null if the layer has no ReLU. */
  dead: number | null;
}

const pictureName = ({ name }: Pick<NetworkLayer, 'name'>): string => `${name}.png`;
const arrayName = ({ name }: Pick<NetworkLayer, 'name'>): string => `${name}.npy`;

/** Null for a layer that has none. */
const orNone = <Result>(work: Promise<Result>): Promise<Result | null> =>
  work.catch((error: unknown) => {
    if (codeOf(error) === 'bad-request') return null;
    throw error;
  });

async function writeFilters(
  client: Client,
  options: InspectOptions,
  folder: OutputFolder,
  run: string,
  layers: readonly NetworkLayer[],
): Promise<void> {
  let written = 0;
  for (const layer of layers) {
    const found = await orNone(client.inside('filters', { run, layer: layer.name }));
    if (!found) continue;
    const { kernels, norms } = found.arrays as Record<string, Float32Array>;
    await folder.write(pictureName(layer), await filtersPicture(found.header, kernels, norms));
    written++;
  }
  say(options, `Filters of ${plural(written, 'layer')} in ${folder.path}`);
}

async function writeMaps(
  client: Client,
  options: InspectOptions,
  folder: OutputFolder,
  run: string,
  layers: readonly NetworkLayer[],
  path: string,
): Promise<void> {
  const wanted = path.replaceAll('\\', '/').replace(/^\.\//, '');
  const sample = new PathIndex(await allSamples(client)).get(wanted);
  if (!sample) throw new WinnowError('no-samples', `There is no image ‘${path}’. Paths are relative to the folder.`);
  let written = 0;
  for (const layer of layers) {
    const found = await orNone(client.inside('featureMaps', { run, layer: layer.name, sampleId: sample.id }));
    if (!found) continue;
    const maps = found.arrays.maps as Float32Array;
    const { channels, rows, columns } = found.header;
    await folder.write(pictureName(layer), await mapsPicture(found.header, maps));
    await folder.write(arrayName(layer), npyBytes(maps, [channels, rows, columns]));
    written++;
  }
  say(options, `Maps of ${plural(written, 'layer')} in ${folder.path}`);
}

const unitJson = ({ layer, unit, images, most, least, byClass }: UnitSurvey) => {
  const plain = ({ path, value, box }: UnitImage) => ({ path, value, box });
  return { layer, unit, images, most: most.map(plain), least: least.map(plain), byClass };
};

function tableOf(layers: readonly Described[]): string {
  const rows = [
    ['layer', 'kind', 'output', 'parameters', 'FLOPs', 'dead units'],
    ...layers.map(({ name, kind, shape, parameters, flops, dead }) => [
      name,
      kind,
      shape.join(' × '),
      whole(parameters),
      whole(flops),
      dead === null ? '–' : `${dead}`,
    ]),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) => row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '))
    .join('\n');
}

function unitText({ layer, unit, most, least, byClass }: UnitSurvey): string {
  const line = ({ path, value, box }: UnitImage) =>
    `  ${value.toPrecision(4).padStart(10)}  ${printable(path)} at ${(box.x + box.width / 2).toFixed(3)},${(box.y + box.height / 2).toFixed(3)}`;
  return [
    `${layer}:${unit} answers most to`,
    ...most.map(line),
    'and least to',
    ...least.map(line),
    ...(byClass.length ? ['by class'] : []),
    ...byClass.map(({ name, mean }) => `  ${mean.toPrecision(4).padStart(10)}  ${printable(name)}`),
  ].join('\n');
}
