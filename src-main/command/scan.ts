/** `scan FOLDER`: finds and reads the images, checks them, finds duplicates, and reports. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { classRules, type ClassChoice, type ClassRule } from '../contract/folder-classes.ts';
import { planeAxes, planeWarnings, type Plane } from '../contract/plane.ts';
import { duplicateKinds } from '../contract/types.ts';
import { plural, whole } from '../contract/words.ts';
import type { Client } from '../door/client.ts';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { follow, say, writeJson } from './output.ts';
import { allSamples, describeGroups, describeSamples } from './samples.ts';

interface ScanOptions extends FolderOptions {
  classes?: ClassRule;
  plane?: Plane;
}

export function addScanCommand(program: Command) {
  folderCommand(
    program,
    'find',
    'scan',
    'index the images, check quality, find duplicates, and list unreadable files',
    ['photos', 'photos --json scan.json'],
  )
    .addOption(
      new Option('--classes <rule>', 'how folders become classes, remembered for this folder').choices(classRules),
    )
    .addOption(
      new Option(
        '--plane <places>',
        `the plane of stacks that is shown, remembered for this folder: ${planeAxes.join(', ')}, from 1, such as channel=2,z=5`,
      ).argParser(planeOf),
    )
    .action((folder: string, options: ScanOptions) =>
      inFolder(folder, options, (client) => scanCommand(client, options)),
    );
}

function planeOf(text: string): Plane {
  const places = text.split(',').map((part) => /^\s*(\w+)\s*=\s*([1-9]\d{0,5})\s*$/.exec(part) ?? []);
  const axes = places.map(([, axis]) => planeAxes.find((one) => one === axis));
  if (axes.includes(undefined) || new Set(axes).size < axes.length)
    throw new InvalidArgumentError(`Expected places along ${planeAxes.join(', ')}, such as channel=2,z=5.`);
  return Object.fromEntries(places.map(([, axis, place]) => [axis, Number(place)]));
}

async function scanCommand(client: Client, options: ScanOptions): Promise<void> {
  if (options.classes) await client.calls.workspace.setClasses.mutate({ by: options.classes });
  const job = await follow(client, options, () =>
    options.plane ? client.calls.workspace.setPlane.mutate(options.plane) : client.calls.workspace.scan.mutate(),
  );
  say(options, `${job.summary}.`);
  const [groups, issues, checks, findings, { classes, leftOut }] = await Promise.all([
    client.calls.duplicates.groups.query(),
    client.calls.samples.issues.query(),
    client.calls.checks.list.query(),
    client.calls.checks.findings.query(),
    client.calls.workspace.describe.query(),
  ]);
  // With many images, they take more memory than the scan.
  const samples = options.json || options.plane ? await allSamples(client) : [];
  for (const warning of planeWarnings(
    options.plane ?? {},
    samples.map(({ notice }) => notice),
  ))
    say(options, warning);
  if (options.json)
    writeJson(options, {
      schema: 'winnow/scan@1',
      folder: client.folder,
      samples: await describeSamples(client, samples),
      issues,
      classes,
      leftOut,
      groups: await describeGroups(client, samples),
      findings,
    });

  if (classes) say(options, classesText(classes));
  const list = (counts: readonly (readonly [string, number])[]) =>
    counts
      .filter(([, n]) => n > 0)
      .map(([name, n]) => `${whole(n)} ${name}`)
      .join(', ');
  const flagged = list(checks.map(({ id, flagged: n }) => [id, n] as const));
  if (flagged) say(options, `Flagged: ${flagged}.`);
  const grouped = list(
    duplicateKinds.map((kind) => [kind, groups.filter((group) => group.kind === kind).length] as const),
  );
  if (grouped) say(options, `Groups of duplicates: ${grouped}.`);
  for (const [what, n] of [
    ['several classes', groups.filter((group) => group.crossesClasses).length],
    ['several splits', groups.filter((group) => group.crossesSplits).length],
  ] as const) {
    if (n) say(options, `${plural(n, 'group')} in ${what}.`);
  }
  for (const finding of findings.filter((one) => one.flagged)) say(options, finding.message);
  for (const issue of issues.slice(0, 5)) say(options, `Unreadable: ${issue.path}: ${issue.message}`);
  if (issues.length > 5) say(options, `… and ${whole(issues.length - 5)} more; --json lists them.`);
}

/** How many classes there are, why, and what else could be chosen. */
function classesText({ reason, nested, by, counts }: ClassChoice): string {
  const others = (['first', 'last', 'path', 'none'] as const)
    .filter((rule) => rule !== by)
    .map((rule) => `${rule} (${plural(counts[rule], 'class', 'classes')})`);
  return `${counts[by] ? plural(counts[by], 'class', 'classes') : 'No class'}. ${reason}${nested ? ` To choose otherwise: scan --classes ${others.join(', ')}.` : ''}`;
}
