/** Duplicates: every kind of copy is found under its kind, images that only look similar are not, and groups have the promised properties. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { random } from '../../src-main/compute/random.ts';
import { best, keepRules, type Member } from '../../src-main/contract/keep-best.ts';
import { fingerprint, fingerprintBytes, isCurrent, type Pixels } from '../../src-main/duplicate/fingerprint.ts';
import { gather, type Link } from '../../src-main/duplicate/gather.ts';
import type { Candidate, DuplicateOptions } from '../../src-main/duplicate/comparer.ts';
import { findDuplicates, type Group } from '../../src-main/duplicate/groups.ts';
import { openImage } from '../../src-main/image/decode.ts';
import { plant, plants } from '../fixtures/copies.ts';

const [width, height] = [320, 240];

/** Similar to a photo: soft colour patches, a few sharp shapes, a little noise. `spot` adds a small object; `red` shifts the colours but not the luminance. */
function scene(seed: number, { spot = false, red = 0 } = {}): Promise<Buffer> {
  const next = random('scene', seed);
  const patches = Array.from({ length: 14 }, () => ({
    x: next() * width,
    y: next() * height,
    radius: 25 + next() * 70,
    rgb: [next(), next(), next()].map((v) => (v - 0.5) * 200),
    isHard: next() < 0.35,
  }));
  const data = Buffer.alloc(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const level = [120, 120, 120];
      for (const patch of patches) {
        const distance = Math.hypot(x - patch.x, y - patch.y) / patch.radius;
        const share = patch.isHard ? Number(distance < 0.6) * 0.6 : Math.exp(-2 * distance * distance);
        for (let c = 0; c < 3; c++) level[c] += share * patch.rgb[c];
      }
      if (spot && Math.hypot(x - 200, y - 120) < 14) level.fill(level[0] > 128 ? 20 : 235);
      const grain = (next() - 0.5) * 12;
      data.set(
        level.map((v, c) => Math.max(0, Math.min(255, v + grain + (c === 0 ? red : c === 1 ? -red * 0.51 : 0)))),
        (y * width + x) * 3,
      );
    }
  }
  return sharp(data, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

const even = (level: number, side = 64): Promise<Buffer> =>
  sharp({ create: { width: side, height: side, channels: 3, background: { r: level, g: level, b: level } } })
    .png()
    .toBuffer();

interface Image extends Candidate {
  thumb: Pixels;
  pixels: string;
}

async function image(id: number, bytes: Buffer): Promise<Image> {
  const opened = await openImage(bytes, 'image');
  const thumb = await (
    await opened.standard()
  )
    .resize(256, 256, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const all = await (await opened.standard()).raw().toBuffer();
  const { info } = thumb;
  return {
    id,
    width: opened.width,
    height: opened.height,
    frames: opened.frames,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    fingerprint: fingerprint(thumb.data, info.width, info.height, info.channels),
    thumb: { data: thumb.data, width: info.width, height: info.height, channels: info.channels },
    pixels: createHash('sha256').update(all).digest('hex'),
  };
}

const images = (files: readonly Buffer[]): Promise<Image[]> => Promise.all(files.map((bytes, id) => image(id, bytes)));

function find(list: readonly Image[], options: Partial<DuplicateOptions> = {}): Promise<Group[]> {
  const by = new Map(list.map((one) => [one.id, one]));
  return findDuplicates(list, {
    signal: new AbortController().signal,
    onProgress: () => undefined,
    isNotDuplicate: () => false,
    pixels: async (id) => by.get(id)!.thumb,
    identity: async (id) => ({ hash: by.get(id)!.pixels, hasAlpha: false, bits: 8 }),
    ...options,
  });
}

const idsOf = (groups: readonly Group[], kind: string): number[][] =>
  groups.filter((g) => g.kind === kind).map((g) => g.ids.toSorted((p, q) => p - q));
const original = await scene(1);
const others = await Promise.all([2, 3, 4, 5].map((seed) => scene(seed)));

describe('fingerprint', () => {
  test('has the documented size and version, for colour, gray and tiny images', async () => {
    for (const [w, h, channels] of [
      [256, 192, 3],
      [171, 256, 1],
      [3, 2, 3],
      [1, 1, 1],
    ]) {
      const bytes = fingerprint(new Uint8Array(w * h * channels).fill(77), w, h, channels);
      expect(bytes.length).toBe(fingerprintBytes);
      expect(isCurrent(bytes)).toBe(true);
    }
    expect(isCurrent(new Uint8Array(fingerprintBytes))).toBe(false);
  });
});

describe('copies', () => {
  test.each(Object.keys(plants))('%s is found under its kind', async (name) => {
    const groups = await find(await images([original, ...others, await plant(name, original)]));
    expect(groups.map((g) => ({ kind: g.kind, ids: g.ids.toSorted((p, q) => p - q) }))).toEqual([
      { kind: plants[name].kind, ids: [0, 5] },
    ]);
    expect(groups[0].score).toBeGreaterThan(0.5);
    expect(groups[0].score).toBeLessThanOrEqual(1);
  });

  test('are found by fingerprints alone, without thumbnails', async () => {
    const copies = await Promise.all(['q40', 'x0.5', 'crop 3 %', '90°', 'mirror'].map((name) => plant(name, original)));
    const groups = await find(await images([original, ...others, ...copies]), { pixels: undefined });
    expect(idsOf(groups, 'near')).toEqual([[0, 5, 6, 7]]);
    expect(idsOf(groups, 'rotated')).toEqual([[0, 5, 6, 7, 8]]);
    expect(idsOf(groups, 'mirrored')).toEqual([[0, 5, 6, 7, 8, 9]]);
  });

  test('with the same bytes, or the same pixels in another format, are exact', async () => {
    const webp = await sharp(original).webp({ lossless: true }).toBuffer();
    const groups = await find(await images([original, others[0], original, webp]));
    expect(groups).toEqual([{ kind: 'exact', ids: [0, 2, 3], similarities: [1, 1, 1], score: 1, differences: [] }]);
  });

  test('of a near group include all files with the same content', async () => {
    const copy = await plant('q60', original);
    const groups = await find(await images([original, original, copy, ...others]));
    expect(idsOf(groups, 'exact')).toEqual([[0, 1]]);
    expect(idsOf(groups, 'near')).toEqual([[0, 1, 2]]);
  });
});

describe('images that are not duplicates', () => {
  test('other scenes', async () => expect(await find(await images([original, ...others]))).toEqual([]));
  test('the same scene with one small addition', async () =>
    expect(await find(await images([original, await scene(1, { spot: true })]))).toEqual([]));
  test('the same scene in another colour', async () => {
    const list = await images([original, await scene(1, { red: 45 })]);
    expect(await find(list)).toEqual([]);
    expect(await find(list, { pixels: undefined })).toEqual([]);
  });
  test('flat images, unless they are exact copies', async () => {
    const groups = await find(
      await images([
        await even(255),
        await even(250),
        await even(255, 80),
        await even(255),
        await sharp(await even(255))
          .webp({ lossless: true })
          .toBuffer(),
      ]),
    );
    expect(groups.map((g) => [g.kind, g.ids])).toEqual([['exact', [0, 3, 4]]]);
  });
  test('an image with a fingerprint of another version, unless the bytes are equal', async () => {
    const list = await images([original, original, await plant('q60', original)]);
    const groups = await find(list.map((one) => ({ ...one, fingerprint: new Uint8Array(3) })));
    expect(groups.map((g) => [g.kind, g.ids])).toEqual([['exact', [0, 1]]]);
  });
});

describe('marks of the user and limits of the search', () => {
  test('pairs marked as not duplicates are never in one group', async () => {
    const list = await images([
      original,
      await plant('q60', original),
      await plant('x0.5', original),
      await sharp(original).webp({ lossless: true }).toBuffer(),
    ]);
    const apart =
      (...pairs: [number, number][]) =>
      (a: string, b: string): boolean =>
        pairs.some(([i, j]) => [list[i].sha256, list[j].sha256].sort().join() === [a, b].sort().join());
    expect(idsOf(await find(list), 'near')).toEqual([[0, 1, 2, 3]]);
    for (const group of await find(list, { isNotDuplicate: apart([0, 1]) }))
      expect(group.ids.includes(0) && group.ids.includes(1)).toBe(false);
    for (const group of await find(list, { isNotDuplicate: apart([0, 3], [0, 1], [0, 2]) }))
      expect(group.ids).not.toContain(0);
  });

  test('a stricter limit finds fewer', async () => {
    const list = await images([original, await plant('q85', original), await plant('darker 10 %', original)]);
    expect(idsOf(await find(list), 'near')).toEqual([[0, 1, 2]]);
    expect(idsOf(await find(list, { leastSimilarity: 0.85 }), 'near')).toEqual([[0, 1]]);
  });

  test('the same list in any order gives the same groups', async () => {
    const list = await images([
      original,
      ...others,
      ...(await Promise.all(['q40', 'crop 3 %', '180°', 'flip'].map((name) => plant(name, original)))),
      await plant('x0.4', others[1]),
    ]);
    const groups = await find(list);
    expect(groups.length).toBe(4);
    expect(await find(list.toReversed())).toEqual(groups);
  });

  test('pairs are compared only once', async () => {
    const list = await images([original, await plant('crop 3 %', original), await plant('q85', original), ...others]);
    const verdicts = new Map<string, number>();
    const looks: number[] = [];
    const counted: Partial<DuplicateOptions> = {
      verdicts,
      pixels: async (id) => (looks.push(id), list[id].thumb),
      identity: async (id) => (looks.push(id), { hash: list[id].pixels, hasAlpha: false, bits: 8 }),
    };
    const groups = await find(list, counted);
    expect(idsOf(groups, 'near')).toEqual([[0, 1, 2]]);
    expect(looks.length).toBeGreaterThan(0);
    looks.length = 0;
    expect(await find(list, counted)).toEqual(groups);
    expect(looks).toEqual([]);
  });

  test('a file that disappears does not stop the search', async () => {
    const gone = (): Promise<never> => Promise.reject(new Error('gone'));
    const list = await images([
      original,
      await plant('crop 3 %', original),
      await sharp(original).webp({ lossless: true }).toBuffer(),
    ]);
    const groups = await find(list, { pixels: gone, identity: gone });
    expect(groups.map((g) => [g.kind, g.ids.toSorted((p, q) => p - q)])).toEqual([['near', [0, 1, 2]]]);
  });

  test('a copy of a symmetric image is near, not mirrored', async () => {
    const left = await sharp(original).extract({ left: 0, top: 0, width: 160, height: 240 }).toBuffer();
    const both = await sharp({ create: { width: 320, height: 240, channels: 3, background: 'black' } })
      .composite([
        { input: left, left: 0, top: 0 },
        { input: await sharp(left).flop().toBuffer(), left: 160, top: 0 },
      ])
      .png()
      .toBuffer();
    const groups = await find(await images([both, await plant('crop 3 %', both), await plant('q60', both)]));
    expect(groups.map((g) => [g.kind, g.ids.toSorted((p, q) => p - q)])).toEqual([['near', [0, 1, 2]]]);
  });

  test('a cancel ends it', async () => {
    const list = await images([original, await plant('q40', original)]);
    await expect(find(list, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  test('progress counts images, and ends with all of them', async () => {
    const seen: number[][] = [];
    const list = await images([original, ...others, original]);
    await find(list, { onProgress: (done, total) => void seen.push([done, total]) });
    expect(seen.at(-1)).toEqual([list.length, list.length]);
    expect(seen.every(([done, total]) => done <= total && total === list.length)).toBe(true);
  });
});

describe('grouping', () => {
  const near = (a: number, b: number, similarity = 0.8): Link => ({ a, b, kind: 'near', similarity });
  const questions = { size: () => 1, isNotDuplicate: () => false, compare: async () => null };
  const groupsOf = (links: Link[], more = {}): Promise<number[][]> =>
    gather(links, { ...questions, ...more }).then((all) => all.map((g) => g.members.map((m) => m.picture)));

  test('a chain of similar pairs is not a group', async () =>
    expect(await groupsOf([near(1, 2, 0.9), near(2, 3), near(3, 4), near(4, 5)])).toEqual([
      [2, 1],
      [3, 4],
    ]));
  test('the largest image comes first', async () =>
    expect(await groupsOf([near(1, 2)], { size: (p: number) => p })).toEqual([[2, 1]]));
  test('pairs within a group that the search did not find are compared too', async () => {
    const compare = async (a: number, b: number): Promise<Link> => near(a, b);
    expect(await groupsOf([near(1, 2, 0.9), near(2, 3)], { compare })).toEqual([[2, 1, 3]]);
  });
  test('many copies, each found near only a few others, are one group', async () => {
    const links = Array.from({ length: 60 }, (_, i) =>
      Array.from({ length: 20 }, (_, k) => near(i, (i + k + 1) % 60)),
    ).flat();
    const compare = async (a: number, b: number): Promise<Link> => near(a, b);
    const groups = await groupsOf(links, { compare });
    expect(groups.map((g) => g.length)).toEqual([60]);
  });
});

describe('which to keep', () => {
  const member = (id: number, more: Partial<Member> = {}): Member => ({
    id,
    path: `${id}.jpg`,
    width: 100,
    height: 100,
    bytes: 1000,
    modifiedMs: 0,
    decision: null,
    sharpness: 0.5,
    ...more,
  });
  const members = [
    member(1, { width: 200 }),
    member(2, { sharpness: 0.9 }),
    member(3, { modifiedMs: 5 }),
    member(4, { path: 'keep/4.jpg' }),
    member(5, { path: 'keeper/5.jpg' }),
  ];

  test.each([
    ['largest', 1],
    ['sharpest', 2],
    ['newest', 3],
  ] as const)('%s', (rule, id) => expect(best(members, rule, null)).toBe(id));
  test('the protected folder comes first, and only that folder', () => {
    expect(best(members, 'largest', 'keep')).toBe(4);
    expect(best(members, 'largest', 'keep/')).toBe(4);
    expect(best(members, 'largest', 'kee')).toBe(1);
  });
  test('ties go to the next rule, then the rules not named, then the path', () => {
    expect(best([member(1, { sharpness: 0.1 }), member(2)], 'largest', null)).toBe(2);
    expect(best([member(1, { modifiedMs: 9 }), member(2, { bytes: 2000 })], 'largest', null)).toBe(2);
    expect(best([member(2), member(1)], 'newest', null)).toBe(1);
    expect(best([member(1, { width: 900 }), member(2, { decision: 'keep' })], 'largest', null)).toBe(2);
    expect(best([member(1, { sharpness: NaN }), member(2)], 'sharpest', null)).toBe(2);
  });
  test('every rule gives the same result for any order of members', () => {
    for (const rule of keepRules) expect(best(members.toReversed(), rule, null)).toBe(best(members, rule, null));
  });
});
