/** `scan FOLDER`: find and read the images, and tell what is there. */
import type { Sample } from '../contract/types.ts';
import type { Door } from '../door/client.ts';
import { follow, say, writeJson, type OutputOptions } from './output.ts';

export async function scanCommand(door: Door, options: OutputOptions): Promise<void> {
  const job = await follow(door, options, () => door.calls.workspace.scan.mutate());
  say(options, `${job.summary}.`);
  if (!options.json) return;
  const samples = await allSamples(door);
  const columns = await Promise.all((await door.calls.samples.columns.query()).map(async ({ name }) => [name, await door.column(name)] as const));
  const known = new Map(samples.map((sample) => [sample.sha256, [] as string[]]));
  for (const sample of samples) known.get(sample.sha256)?.push(sample.path);
  writeJson(options, {
    schema: 'winnow/scan@1',
    folder: door.folder,
    samples: samples.map((sample) => ({
      path: sample.path, width: sample.width, height: sample.height, bytes: sample.bytes, format: sample.format, sha256: sample.sha256,
      class: sample.class, decision: sample.decision,
      columns: Object.fromEntries(columns.flatMap(([name, values]) => (values.has(sample.id) ? [[name, values.get(sample.id)]] : []))),
      checks: {},
    })),
    issues: await door.calls.samples.issues.query(),
    groups: [...known.values()].filter((paths) => paths.length > 1).map((paths) => ({ kind: 'exact', paths })),
  });
}

/** All samples of the folder by path. */
export async function allSamples(door: Door): Promise<Sample[]> {
  const byId = new Map<number, Sample>();
  for (let since = 0, more = true; more; ) {
    const changes = await door.calls.samples.changes.query({ since });
    for (const sample of changes.samples) byId.set(sample.id, sample);
    for (const id of changes.removed) byId.delete(id);
    ({ revision: since, more } = changes);
  }
  return [...byId.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
