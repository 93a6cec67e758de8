/** Every quality check on generated photos, and checks that depend on the whole set. */
import { readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CheckInput } from '../../src-main/check/check.ts';
import { checks } from '../../src-main/check/index.ts';
import { random, type Random } from '../../src-main/compute/random.ts';
import { measure, measureNames } from '../../src-main/image/measure.ts';
import { checkInput, inputOf, photo, plant, type Planted, type PlantedFile } from '../fixtures/planted.ts';

const plantedAs =
  (problem: Planted, path = 'planted.jpg') =>
  async (photo: Buffer, next: Random): Promise<PlantedFile> => ({
    path,
    bytes: (await plant(problem, photo, next)).bytes,
  });
const resized =
  (sidePx: number) =>
  async (photo: Buffer): Promise<PlantedFile> => ({
    path: 'small.png',
    bytes: await sharp(photo).resize(sidePx, sidePx, { fit: 'inside' }).png().toBuffer(),
  });

/** For every check, files that it must find among ordinary photos. */
const examples: Record<string, Record<string, (photo: Buffer, next: Random) => Promise<PlantedFile>>> = {
  blurry: { 'out of focus': plantedAs('blur'), shaken: plantedAs('motion') },
  dark: { 'hardly any light': plantedAs('dark') },
  overexposed: { 'too much light': plantedAs('overexposed') },
  'low-information': { 'one tone': plantedAs('blank') },
  grayscale: {
    'one channel': plantedAs('gray'),
    'three equal channels, JPEG': plantedAs('gray-rgb'),
    'gray PNG': async (photo) => ({ path: 'gray.png', bytes: await sharp(photo).grayscale().png().toBuffer() }),
  },
  'odd-aspect': { 'a strip': plantedAs('aspect') },
  'odd-size': { 'a fifth of the side': resized(64), 'four times the side': resized(1280) },
  tiny: { icon: resized(32) },
  animated: {
    'WebP of three frames': async (photo) => {
      const frames = await Promise.all(
        [0, 90, 180].map((turn) => sharp(photo).resize(100, 100).rotate(turn).png().toBuffer()),
      );
      return {
        path: 'moving.webp',
        bytes: await sharp(frames, { join: { animated: true } })
          .webp()
          .toBuffer(),
      };
    },
  },
  'wrong-extension': {
    'PNG named JPEG': async (photo) => ({ path: 'really-png.jpg', bytes: await sharp(photo).png().toBuffer() }),
  },
};

const ordinary = 20;
let photos: PlantedFile[];
let usual: CheckInput;
/** Measurements of the ordinary photos, computed once, followed by these files. */
async function among(...files: PlantedFile[]): Promise<CheckInput> {
  const added = await checkInput(files);
  return {
    count: usual.count + added.count,
    values: (name) => Float64Array.from([...usual.values(name), ...added.values(name)]),
    paths: [...usual.paths, ...added.paths],
    formats: [...usual.formats, ...added.formats],
    classes: [...usual.classes, ...added.classes],
    units: Int32Array.from({ length: usual.count + added.count }, (_, i) => i),
  };
}
const scoresOf = (id: string, input: CheckInput) => checks.find((check) => check.id === id)!.score(input);
const flagged = (id: string, input: CheckInput) => {
  const check = checks.find((c) => c.id === id)!;
  return [...check.score(input).entries()].filter(([, score]) => score >= check.threshold).map(([i]) => input.paths[i]);
};

beforeAll(async () => {
  const next = random('photos');
  photos = [];
  for (let i = 0; i < ordinary; i++) photos.push({ path: `photo-${i}.jpg`, bytes: await photo(next) });
  usual = await checkInput(photos);
});

test('the ids of the checks are stable for scripts', () => {
  expect(checks.map(({ id }) => id).sort()).toEqual([
    'animated',
    'blurry',
    'dark',
    'grayscale',
    'low-information',
    'odd-aspect',
    'odd-size',
    'overexposed',
    'tiny',
    'wrong-extension',
  ]);
  expect(Object.keys(examples).sort()).toEqual(checks.map(({ id }) => id).sort());
});

describe.each(checks.map((check) => [check.id, check] as const))('%s', (id, check) => {
  test('flags no ordinary photo', () => expect(flagged(id, usual)).toEqual([]));

  test.each(Object.entries(examples[id]))('ranks first and flags: %s', async (_, make) => {
    const next = random(id);
    for (let turn = 0; turn < 4; turn++) {
      const file = await make(await photo(next), next);
      const input = await among(file);
      const scores = check.score(input);
      expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
      expect(scores.indexOf(Math.max(...scores))).toBe(ordinary);
      expect(flagged(id, input)).toEqual([file.path]);
    }
  });

  test('ignores a sample without measurements, with the same result for the others', () => {
    const input = usual;
    const gap = (values: Float64Array) => Float64Array.from([...values, NaN]);
    const scores = check.score({
      count: ordinary + 1,
      values: (name) => gap(input.values(name)),
      paths: [...input.paths, 'unknown.jpg'],
      formats: [...input.formats, 'jpeg'],
      classes: [...input.classes, null],
      units: Int32Array.of(...input.units, ordinary),
    });
    expect(scores.slice(0, ordinary)).toEqual(check.score(input));
    expect(id === 'wrong-extension' ? 0 : NaN).toBe(scores[ordinary]);
  });

  test('accepts a folder with no image or with one', async () => {
    expect(check.score(inputOf([]))).toHaveLength(0);
    const [score] = check.score(await checkInput(photos.slice(0, 1)));
    expect(score).toBeGreaterThanOrEqual(0);
    expect(score).toBeLessThan(check.threshold);
  });
});

describe('properties that are common in the set are not flagged', () => {
  const all = (problem: Planted) =>
    Promise.all(
      photos.map(async ({ path, bytes }) => ({ path, bytes: (await plant(problem, bytes, random(path))).bytes })),
    );
  test.each([
    ['grayscale', 'gray'],
    ['grayscale', 'gray-rgb'],
    ['dark', 'dark'],
    ['blurry', 'blur'],
    ['overexposed', 'overexposed'],
  ] as const)('%s: all %s', async (id, problem) => {
    expect(flagged(id, await checkInput(await all(problem)))).toEqual([]);
  });

  test('three gray images among colour images are flagged; a colour image among gray ones is not', async () => {
    const gray = await all('gray-rgb');
    expect(flagged('grayscale', await checkInput([...gray.slice(0, 3), ...photos.slice(3)]))).toEqual([
      'photo-0.jpg',
      'photo-1.jpg',
      'photo-2.jpg',
    ]);
    const input = await checkInput([photos[0], ...gray.slice(1)]);
    expect(flagged('grayscale', input)).toEqual([]);
    expect(scoresOf('grayscale', input)[0]).toBeLessThan(Math.min(...scoresOf('grayscale', input).slice(1)));
  });

  test('without colour images, gray ones are not flagged; a single dark image is flagged', async () => {
    const gray = await all('gray');
    expect(flagged('grayscale', await checkInput(gray.slice(0, 1)))).toEqual([]);
    expect(flagged('grayscale', await checkInput(gray.slice(0, 4)))).toEqual([]);
    expect(flagged('dark', await checkInput((await all('dark')).slice(0, 1)))).toEqual(['photo-0.jpg']);
  });

  const sized = (sizes: readonly [number, number][]) => inputOf(sizes.map(([width, height]) => ({ width, height })));
  const repeat = (n: number, width: number, height: number) =>
    Array.from({ length: n }, (): [number, number] => [width, height]);
  test('portrait and landscape count as one aspect ratio; a square is unusual among panoramas', () => {
    expect(flagged('odd-aspect', sized([...repeat(19, 640, 480), ...repeat(1, 480, 640)]))).toEqual([]);
    expect(flagged('odd-aspect', sized([...repeat(19, 4000, 1000), [1000, 1000]]))).toEqual(['19.jpg']);
  });
  test('a second common aspect ratio is not unusual', () => {
    const two = sized([...repeat(70, 640, 480), ...repeat(30, 160, 40)]);
    expect(flagged('odd-aspect', two)).toEqual([]);
    expect(flagged('odd-size', two)).toEqual([]);
  });
  test('in a set of small images none is tiny', () => expect(flagged('tiny', sized(repeat(50, 28, 28)))).toEqual([]));
});

describe('look-alikes that must not be flagged', () => {
  const draw = async (svg: string, path = 'drawn.png') => ({
    path,
    bytes: await sharp(Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">${svg}</svg>`))
      .flatten({ background: '#fff' })
      .png()
      .toBuffer(),
  });

  test('a plain image is not blurry; a blurred image with detail is', async () => {
    const plain = await draw(
      '<rect width="320" height="240" fill="#b9b4ad"/><rect x="90" y="60" width="130" height="110" fill="#a89f94"/>',
    );
    const busy = { path: 'busy.jpg', bytes: await sharp(photos[0].bytes).blur(3).jpeg().toBuffer() };
    const input = await among(plain, busy);
    expect(input.values('sharpness')[ordinary]).toBeLessThan(Math.min(...input.values('sharpness').slice(0, ordinary)));
    expect(flagged('blurry', input)).toEqual(['busy.jpg']);
  });
  test('ink on paper is not overexposed; a white backdrop scores lower than burnt-out highlights', async () => {
    const backdrop = await draw(
      '<ellipse cx="160" cy="120" rx="80" ry="70" fill="#3a6b2f"/><circle cx="140" cy="100" r="12" fill="#fff1c0"/>',
      'backdrop.png',
    );
    const ink = await draw(
      Array.from({ length: 18 }, (_, i) => `<rect x="${20 + 15 * i}" y="20" width="4" height="190" fill="#000"/>`).join(
        '',
      ),
      'ink.png',
    );
    const burnt = { path: 'burnt.jpg', bytes: await sharp(photos[0].bytes).linear(4, 50).jpeg().toBuffer() };
    const input = await among(ink, backdrop, burnt);
    expect(flagged('overexposed', input)).not.toContain('ink.png');
    const [, onWhite, burntOut] = scoresOf('overexposed', input).slice(ordinary);
    expect(burntOut).toBeGreaterThan(onWhite);
    const catalogue = await checkInput([...Array.from({ length: 11 }, () => backdrop), burnt]);
    expect(flagged('overexposed', catalogue)).toEqual(['burnt.jpg']);
  });
  test.each([1, 5, 40])('%d pages of text, drawings or scans alone are not overexposed', async (count) => {
    const page = (i: number) => {
      const [ink, paper, lines] = [['#000', '#222', '#888'][i % 3], ['#fff', '#fdfbf4'][i % 2], 1 + ((i * 7) % 30)];
      const text = Array.from(
        { length: lines },
        (_, y) =>
          `<text x="90" y="${120 + 45 * y}" font-size="${26 + (i % 5) * 4}" fill="${ink}">Page ${i}, line ${y}: some words of plain text in rows</text>`,
      ).join('');
      const drawn = `<g fill="none" stroke="${ink}" stroke-width="4"><circle cx="500" cy="700" r="${150 + 5 * i}"/><path d="M90 90 L900 400 L300 1200 Z"/></g>`;
      return `<rect width="100%" height="100%" fill="${paper}"/>${i % 4 === 3 ? drawn : text}`;
    };
    const pages = await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1400">${page(i)}</svg>`;
        const image = sharp(Buffer.from(svg)).flatten({ background: '#fff' });
        return i % 2
          ? { path: `${i}.jpg`, bytes: await image.blur(0.8).jpeg({ quality: 70 }).toBuffer() }
          : { path: `${i}.png`, bytes: await image.png().toBuffer() };
      }),
    );
    const alone = await checkInput(pages);
    expect(Math.min(...alone.values('brightness'))).toBeGreaterThan(0.7);
    expect(flagged('overexposed', alone)).toEqual([]);
    const burnt = { path: 'burnt.jpg', bytes: await sharp(photos[0].bytes).linear(4, 50).jpeg().toBuffer() };
    expect(flagged('overexposed', await checkInput([...pages, burnt]))).toEqual(['burnt.jpg']);
  });
  describe('colour on white is not overexposed', () => {
    const rows = <T>(count: number, row: (y: number) => T): T[] => Array.from({ length: count }, (_, y) => row(y));
    const words = (x: number, y: number, size: number, fill: string): string =>
      `<text x="${x}" y="${y}" font-size="${size}" fill="${fill}">Some words of plain text, row ${y}</text>`;
    const pages: Record<string, string> = {
      'text in blue ink': rows(30, (y) => words(80, 100 + 42 * y, 32, '#1a3fa8')).join(''),
      'a screenshot': `<rect width="1000" height="90" fill="#1976d2"/><rect y="90" width="230" height="1310" fill="#f3f4f6"/>${rows(24, (y) => words(270, 150 + 48 * y, 26, y % 4 ? '#333' : '#0645ad')).join('')}`,
      'a bar chart': rows(
        8,
        (x) =>
          `<rect x="${100 + 105 * x}" y="${300 + 80 * ((x * 5) % 8)}" width="70" height="${900 - 80 * ((x * 5) % 8)}" fill="hsl(${45 * x} 70% 50%)"/>`,
      ).join(''),
      'a line chart': rows(
        3,
        (y) =>
          `<path d="M100 ${400 + 150 * y}${rows(60, (x) => `l14 ${((x * 7919 * (y + 1)) % 80) - 40}`).join('')}" fill="none" stroke="hsl(${120 * y} 80% 45%)" stroke-width="5"/>`,
      ).join(''),
      'a table': rows(
        24,
        (y) =>
          `<rect x="60" y="${80 + 50 * y}" width="880" height="50" fill="${y ? (y % 2 ? '#f5f7fb' : '#fff') : '#4472c4'}" stroke="#ccc"/>${words(80, 114 + 50 * y, 24, y % 5 ? '#222' : '#c00')}`,
      ).join(''),
    };
    test.each(Object.entries(pages))('%s', async (_, page) => {
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="1400"><rect width="100%" height="100%" fill="#fff"/>${page}</svg>`;
      const image = sharp(Buffer.from(svg)).flatten({ background: '#fff' });
      const burnt = { path: 'burnt.jpg', bytes: await sharp(photos[0].bytes).linear(4, 50).jpeg().toBuffer() };
      const file = { path: 'page.png', bytes: await image.png().toBuffer() };
      const input = await checkInput([file, burnt]);
      expect(input.values('brightness')[0]).toBeGreaterThan(0.75);
      expect(input.values('chroma')[0]).toBeGreaterThan(0.1);
      expect(flagged('overexposed', input)).toEqual(['burnt.jpg']);
      const { score } = checks.find(({ id }) => id === 'overexposed')!;
      expect([...score(await checkInput([file]))][0]).toBeLessThan(0.5);
    });
  });
  test('photos in black and white can be overexposed, and rank before pages', async () => {
    const folder = new URL('../../assets/sample/cookies/train/good/', import.meta.url);
    const gray = await Promise.all(
      readdirSync(folder)
        .slice(0, 8)
        .map(async (name) => {
          const bytes = await sharp(readFileSync(new URL(name, folder)))
            .grayscale()
            .linear(2.6, 30)
            .jpeg()
            .toBuffer();
          return { path: name, bytes };
        }),
    );
    expect(gray.length).toBeGreaterThan(4);
    const ink = await draw(
      Array.from({ length: 18 }, (_, i) => `<rect x="${20 + 15 * i}" y="20" width="4" height="190" fill="#000"/>`).join(
        '',
      ),
    );
    const input = await among(...gray, ink);
    expect(input.values('chroma')[ordinary]).toBe(0);
    expect(flagged('overexposed', input)).toEqual(gray.map(({ path }) => path));
    const scores = scoresOf('overexposed', input);
    expect(scores.at(-1)).toBeLessThan(Math.min(...scores.slice(ordinary, -1)));
  });
  test('a dark photo is not gray', async () => {
    const dim = {
      path: 'dim.jpg',
      bytes: await sharp(photos[0].bytes).linear(0.15, 0).jpeg({ quality: 86 }).toBuffer(),
    };
    expect(flagged('grayscale', await among(dim))).toEqual([]);
  });
  test('deep blue and red are not dark', async () => {
    const deep = ['#0000c8', '#c80000'].map((fill) =>
      draw(
        `<rect width="320" height="240" fill="${fill}"/><circle cx="90" cy="90" r="50" fill="#101010"/>`,
        `${fill}.png`,
      ),
    );
    expect(flagged('dark', await among(...(await Promise.all(deep))))).toEqual([]);
  });
  test('a raw file of a camera may contain TIFF; a name without a known extension is never wrong', () => {
    const input = inputOf([{}, {}, {}, {}], {
      paths: ['a.nef', 'b', 'c.JPG', 'd.gif'],
      formats: ['tiff', 'png', 'jpeg', 'png'],
    });
    expect([...scoresOf('wrong-extension', input)]).toEqual([0, 0, 0, 1]);
  });
});

describe('measurements', () => {
  const flat = (value: number, channels: number) => new Uint8Array(40 * 30 * channels).fill(value);
  test('of an image of one colour', () => {
    const measures = measure(flat(51, 3), 40, 30, 3);
    expect(Object.keys(measures).sort()).toEqual([...measureNames].sort());
    expect(measures).toMatchObject({
      brightness: 0.2,
      contrast: 0,
      entropy: 0,
      sharpness: 0,
      blur: 0,
      detail: 0,
      highlights: 0.2,
      shadows: 0.2,
      clipped: 0,
      chroma: 0,
    });
  });
  test('of black and white stripes', () => {
    const stripes = Uint8Array.from({ length: 40 * 30 }, (_, i) => (i % 2 ? 255 : 0));
    const measures = measure(stripes, 40, 30, 1);
    expect(measures).toMatchObject({
      brightness: 0.5,
      contrast: 0.5,
      entropy: 1,
      clipped: 0.5,
      highlights: 1,
      shadows: 0,
      sharpness: 4,
    });
    expect(measures.clippedEdges).toBe(1);
  });
  test('of one channel equal those of three equal channels, also after a larger image', () => {
    const next = random('measures');
    const gray = Uint8Array.from({ length: 40 * 30 }, () => next() * 256);
    const before = measure(gray, 40, 30, 1);
    measure(flat(200, 3), 40, 30, 3);
    expect(
      measure(
        Uint8Array.from({ length: gray.length * 3 }, (_, i) => gray[Math.floor(i / 3)]),
        40,
        30,
        3,
      ),
    ).toEqual(before);
  });
  test('of images too small for edges are finite', () => {
    for (const [width, height] of [
      [1, 1],
      [1, 300],
      [300, 1],
      [4, 7],
    ])
      expect(
        Object.values(measure(new Uint8Array(width * height * 3).fill(9), width, height, 3)).every(Number.isFinite),
      ).toBe(true);
  });
});
