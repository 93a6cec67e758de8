/**
 * How well duplicates are found: one copy is planted per image of the shared sets, and must be found with its kind. Pairs that were not planted are
 * listed: they are errors or real duplicates of the set. Then time and memory for very many fingerprints. Run it as
 *
 *   npm run bench -- duplicates [DATA] [--sets clothing-10,photos-large] [--most 400] [--seed 1] [--scale 100000]
 *
 * If DATA holds `dirty`, its groups are written to dist/bench/duplicates-dirty.json.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { sharedData } from '../fixtures/images.ts';
import { random, shuffle } from '../../src-main/compute/random.ts';
import { fingerprint } from '../../src-main/duplicate/fingerprint.ts';
import type { Candidate } from '../../src-main/duplicate/comparer.ts';
import { findDuplicates, type Group } from '../../src-main/duplicate/groups.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { plant, plants } from '../fixtures/copies.ts';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sets: { type: 'string', default: 'clothing-10,photos-large,sign-digits,cookies,toy-aliens,deep-pcb' },
    most: { type: 'string', default: '400' },
    seed: { type: 'string', default: '1' },
    scale: { type: 'string', default: '100000' },
  },
});
const root = path.resolve(import.meta.dirname, '..', '..');
const data = positionals[0] ?? sharedData;
if (!fs.existsSync(data)) throw new Error(`There is no data at ${data}.`);
const thumbSidePx = 256;

interface Sample extends Candidate {
  path: string;
  /** The id of the image that it was made from; its own id for an original. */
  origin: number;
  /** '' for originals. */
  plant: string;
  webp: Buffer;
  pixels: string;
}

async function read(
  bytes: Buffer,
  name: string,
): Promise<Omit<Sample, 'id' | 'path' | 'origin' | 'plant'> & { standard: () => Promise<Buffer> }> {
  const image = await openImage(bytes, name);
  const { data: raw, info } = await (
    await image.standard()
  )
    .resize(thumbSidePx, thumbSidePx, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const webp = await sharp(raw, { raw: { width: info.width, height: info.height, channels: info.channels } })
    .webp({ quality: 82, effort: 2 })
    .toBuffer();
  const all = await (await image.standard()).raw().toBuffer();
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    pixels: createHash('sha256').update(all).digest('hex'),
    width: image.width,
    height: image.height,
    frames: image.frames,
    fingerprint: fingerprint(raw, info.width, info.height, info.channels),
    webp,
    standard: async () => (await image.standard()).png({ compressionLevel: 1 }).toBuffer(),
  };
}

/** Every image of the set, and copies of up to `most` of them; the ways of copying alternate. */
async function samplesOf(set: string, most: number): Promise<Sample[]> {
  const folder = path.join(data, set);
  const files = fs
    .readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(jpe?g|png)$/i.test(file))
    .sort();
  const chosen = shuffle(
    files.map((_, i) => i),
    random('duplicates', set, Number(options.seed)),
  ).slice(0, most);
  const names = Object.keys(plants);
  const planted = new Map(chosen.map((file, i) => [file, names[i % names.length]]));
  const samples: Sample[] = [];
  for (const [i, file] of files.entries()) {
    const { standard, ...own } = await read(fs.readFileSync(path.join(folder, file)), file);
    const origin = samples.length;
    samples.push({ id: origin, path: file, origin, plant: '', ...own });
    const name = planted.get(i);
    if (!name) continue;
    const { standard: _, ...copy } = await read(await plant(name, await standard()), `copy.${plants[name].extension}`);
    samples.push({ id: samples.length, path: `${file} (${name})`, origin, plant: name, ...copy });
  }
  return samples;
}

interface Found {
  groups: Group[];
  seconds: number;
  closeLooks: number;
}

async function find(samples: readonly Sample[]): Promise<Found> {
  let closeLooks = 0;
  const began = performance.now();
  const groups = await findDuplicates(samples, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
    isNotDuplicate: () => false,
    pixels: async (id) => {
      closeLooks++;
      const { data: raw, info } = await sharp(samples[id].webp).raw().toBuffer({ resolveWithObject: true });
      return { data: raw, width: info.width, height: info.height, channels: info.channels };
    },
    identity: async (id) => ({ hash: samples[id].pixels, hasAlpha: false, bits: 8 }),
  });
  return { groups, seconds: (performance.now() - began) / 1000, closeLooks };
}

/** Unordered pairs within groups, each with its closest kind. */
function pairsOf(groups: readonly Group[]): Map<string, string> {
  const order = ['exact', 'near', 'rotated', 'mirrored'];
  const pairs = new Map<string, string>();
  for (const kind of order) {
    for (const group of groups.filter((g) => g.kind === kind)) {
      for (const a of group.ids)
        for (const b of group.ids) if (a < b && !pairs.has(`${a} ${b}`)) pairs.set(`${a} ${b}`, kind);
    }
  }
  return pairs;
}

const tally = new Map<string, { found: number; of: number }>();
for (const set of options.sets.split(',').filter(Boolean)) {
  const samples = await samplesOf(set, Number(options.most));
  const { groups, seconds, closeLooks } = await find(samples);
  const pairs = pairsOf(groups);
  const copies = samples.filter((s) => s.plant);
  const missed: string[] = [];
  for (const copy of copies) {
    const got = pairs.get(`${copy.origin} ${copy.id}`);
    const isFound = got === plants[copy.plant].kind || got === 'exact';
    const count = tally.get(copy.plant) ?? { found: 0, of: 0 };
    tally.set(copy.plant, { found: count.found + Number(isFound), of: count.of + 1 });
    if (!isFound) missed.push(`${copy.path}${got ? `: ${got}` : ''}`);
  }
  const other = new Map<string, string>();
  for (const [pair, kind] of pairs) {
    const [a, b] = pair.split(' ').map((id) => samples[samples[Number(id)].origin]);
    if (a !== b) other.set(`${a.path}  ${b.path}`, kind);
  }
  console.log(
    `${set}: ${copies.length - missed.length} of ${copies.length} found among ${samples.length} images; ${other.size} unplanted pairs; ${seconds.toFixed(1)} s, ${closeLooks} thumbnails read`,
  );
  for (const name of missed) console.log(`  missed    ${name}`);
  for (const [names, kind] of other) console.log(`  unplanted ${names}  ${kind}`);
}
if (tally.size)
  console.table(
    Object.fromEntries([...tally].map(([name, { found, of }]) => [name, { kind: plants[name].kind, found, of }])),
  );

if (fs.existsSync(path.join(data, 'dirty'))) {
  const samples = await samplesOf('dirty', 0);
  const { groups } = await find(samples);
  const file = path.join(root, 'dist', 'bench', 'duplicates-dirty.json');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(
    file,
    JSON.stringify({
      samples: samples.map((s) => ({ path: s.path })),
      issues: [],
      groups: groups.map((g) => ({ kind: g.kind, paths: g.ids.map((id) => samples[id].path) })),
    }),
  );
  console.log(`dirty: ${groups.length} groups, written to ${path.relative(root, file)}`);
}

/** Very many images: mixtures of two real ones; a twentieth are copies with a little noise. There are no thumbnails. */
async function scale(count: number): Promise<void> {
  const real = await samplesOf(options.sets.split(',')[0] || 'clothing-10', 0);
  const next = random('scale', Number(options.seed));
  const any = (): Uint8Array => real[Math.floor(next() * real.length)].fingerprint;
  const head = 6;
  const list: Candidate[] = [];
  let copies = 0;
  for (let id = 0; id < count; id++) {
    const isCopy = id > 0 && next() < 0.05;
    let bytes: Uint8Array;
    if (isCopy) {
      bytes = list[Math.floor(next() * id)].fingerprint.slice();
      for (let i = head; i < bytes.length; i++)
        bytes[i] = Math.max(0, Math.min(255, bytes[i] + Math.round((next() - 0.5) * 4)));
      copies++;
    } else {
      const [a, b, fraction] = [any(), any(), 0.5 + next() * 0.3];
      bytes = a.map((level, i) => (i < head ? level : fraction * level + (1 - fraction) * b[i]));
    }
    list.push({ id, sha256: `${id}`, width: 1000 + (id % 7), height: 800, frames: 1, fingerprint: bytes });
  }
  // CPU time of the thread, since the machine may be shared.
  const ownMs = (): number => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  };
  let ticked = ownMs();
  let longestMs = 0;
  const clock = setInterval(() => {
    const now = ownMs();
    longestMs = Math.max(longestMs, now - ticked);
    ticked = now;
  }, 1);
  const before = process.memoryUsage().rss;
  const cpuMs = ownMs();
  const began = performance.now();
  let peak = before;
  const groups = await findDuplicates(list, {
    signal: new AbortController().signal,
    onProgress: () => void (peak = Math.max(peak, process.memoryUsage().rss)),
    isNotDuplicate: () => false,
    identity: async (id) => ({ hash: `${id}`, hasAlpha: false, bits: 8 }),
  });
  clearInterval(clock);
  console.log(
    `${count} fingerprints, ${copies} of them copies: ${groups.length} groups in ${((performance.now() - began) / 1000).toFixed(1)} s (${((ownMs() - cpuMs) / 1000).toFixed(1)} s of processor), ` +
      `${Math.round((peak - before) / 2 ** 20)} MiB beside ${Math.round(before / 2 ** 20)} MiB held before; the longest time in which nothing else ran: ${Math.round(longestMs)} ms`,
  );
}
if (Number(options.scale)) await scale(Number(options.scale));
