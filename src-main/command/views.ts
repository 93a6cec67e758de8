/** `show` lists the images that a filter or a saved view selects, in its order; `views` saves filters by name. */
import type { Command } from 'commander';
import { WinnowError } from '../contract/errors.ts';
import { predicateOf } from '../contract/read.ts';
import type { SavedView } from '../contract/types.ts';
import { pathLine, plural, printable, whole } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { atLeastOne, folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { say, writeJson } from './output.ts';
import { describeSamples, knownSamples, orderOf, orderReader, readSource, sorted } from './samples.ts';

interface ShowOptions extends FolderOptions {
  where?: string;
  view?: string;
  order?: string;
  top?: number;
}
interface ViewsOptions extends FolderOptions {
  save?: string;
  remove?: string;
  where?: string;
  order?: string;
}

const orderHelp = "column or property to sort by; '-sharpness' for descending order";

export function addViewCommands(program: Command) {
  folderCommand(program, 'find', 'show', 'list the paths of the images that a filter or a view selects, one per line', [
    'photos --where "issue = \'blurry\'" --order -blurry --top 20',
    'photos --view suspects | winnow decide photos --from - --unsure',
    'photos --where "tag = \'holiday\' and duplicate != none" --json -',
  ])
    .option('--where <expression>', 'only images that match this expression')
    .option('--view <name>', 'images of a saved view, in its order')
    .option('--order <column>', orderHelp)
    .option('--top <n>', 'only the first n', atLeastOne)
    .action((folder: string, options: ShowOptions) => {
      if (options.where !== undefined && options.view !== undefined)
        throw new WinnowError('bad-request', 'Use --where or --view, not both.');
      return inFolder(folder, options, (client) => showCommand(client, options));
    });
  folderCommand(program, 'find', 'views', 'list the saved views; save or remove one', [
    'photos --save suspects --where "conv-ae.error > 0.02" --order -conv-ae.error',
    'photos --remove suspects',
  ])
    .option('--save <name>', 'save under this name')
    .option('--where <expression>', 'with --save: images that match this expression (default: all)')
    .option('--order <column>', `with --save: ${orderHelp} (default: path)`)
    .option('--remove <name>', 'remove this view')
    .action((folder: string, options: ViewsOptions) => {
      if (options.save === undefined && (options.where !== undefined || options.order !== undefined))
        throw new WinnowError('bad-request', 'Name the view with --save. (`show` lists images.)');
      return inFolder(folder, options, (client) => viewsCommand(client, options));
    });
}

async function showCommand(client: Client, options: ShowOptions): Promise<void> {
  const samples = await knownSamples(client);
  const view = options.view === undefined ? null : await viewOf(client, options.view);
  const where = options.where ?? view?.where ?? null;
  const order = options.order === undefined ? (view?.order ?? orderOf('path')) : orderOf(options.order);
  const source = await readSource(client, (reading) => [
    where === null || predicateOf(where, reading),
    orderReader(order.by, reading),
  ]);
  const matching = sorted(where === null ? samples : samples.filter(predicateOf(where, source)), order, source);
  const shown = matching.slice(0, options.top);
  if (options.json)
    writeJson(options, {
      schema: 'winnow/show@1',
      folder: client.folder,
      where,
      order,
      matching: matching.length,
      samples: await describeSamples(client, shown),
    });
  say(
    options,
    `${plural(matching.length, 'image')} of ${whole(samples.length)}${shown.length < matching.length ? `, the first ${whole(shown.length)}` : ''}.`,
  );
  if (options.json === '-') return;
  // In the format that `--from` reads.
  process.stdout.write(shown.map(({ path }) => `${pathLine(path)}\n`).join(''));
}

async function viewOf(client: Client, name: string): Promise<SavedView> {
  const view = (await client.calls.views.list.query()).find((one) => one.name === name);
  if (!view) throw new WinnowError('bad-request', `There is no view ‘${name}’. \`views\` lists them.`);
  return view;
}

async function viewsCommand(client: Client, options: ViewsOptions): Promise<void> {
  if (options.remove !== undefined) {
    const { title } = await client.calls.views.remove.mutate({ name: options.remove });
    say(options, `Done: ${title}.`);
  }
  if (options.save !== undefined) {
    const order = orderOf(options.order ?? 'path');
    await readSource(client, (reading) => orderReader(order.by, reading)); // reports a mistake now, not when the view is used
    await client.calls.views.save.mutate({ name: options.save, where: options.where ?? null, order });
    say(options, `Saved the view ‘${options.save}’.`);
  }
  const views = await client.calls.views.list.query();
  writeJson(options, { schema: 'winnow/views@1', folder: client.folder, views });
  if (options.quiet || options.json === '-' || options.save !== undefined || options.remove !== undefined) return;
  for (const { name, where, order } of views)
    process.stdout.write(
      `${printable(name)}\t${printable(where ?? 'all')}\t${printable(`${order.descending ? '-' : ''}${order.by}`)}\n`,
    );
}
