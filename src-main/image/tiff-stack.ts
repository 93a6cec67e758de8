/** Which plane of a stack a page of a TIFF is, by what microscopes write: OME-XML (OME-TIFF 6), the description of ImageJ, and the planes of MetaMorph. */
import { tag, type Directory } from './tiff.ts';

/** A place in a stack, counted from 1; 0 if the file does not say which. */
type Axis = readonly [name: string, place: number, count: number];

/** `page`: the number of the directory. `pages`: those of full resolution. The result says what else the file holds. */
export function stackOf(directory: Directory, page: number, pages: number): { frames: number; notice?: string } {
  const text = directory.has(tag.description) ? directory.text(tag.description) : '';
  const planes = directory.count(tag.metaMorphPlanes);
  if (planes > 1) return { frames: planes, notice: `plane 1 of ${planes}` }; // all of them are in one directory
  const isOme = /<(?:\w+:)?OME[\s>]/.test(text);
  const isImageJ = text.startsWith('ImageJ=');
  const inImageJ = (name: string) => Number(new RegExp(`^${name}=(\\d+)`, 'm').exec(text)?.[1] ?? 1);
  const axes: readonly Axis[] = isOme
    ? axesOfOme(text, page, directory.number(tag.samples, 1))
    : isImageJ
      ? [
          ['channel', 1, inImageJ('channels')],
          ['z', 1, inImageJ('slices')],
          ['time', 1, inImageJ('frames')],
        ]
      : [];
  const frames = isImageJ ? Math.max(pages, inImageJ('images')) : pages; // a large stack of ImageJ has one directory
  const shown = axes.filter(([, , count]) => count > 1);
  if (shown.length)
    return { frames, notice: shown.map(([name, place, count]) => `${name} ${place || '?'} of ${count}`).join(', ') };
  return frames > 1 ? { frames, notice: `page 1 of ${frames}` } : { frames };
}

interface Part {
  /** The first directory, and how many planes follow from there. */
  from: number;
  count: number;
  /** The place of the first plane, from 0. */
  first: Record<'C' | 'Z' | 'T', number>;
}

/** The place of a directory among the planes that the metadata describe, which may lie in several files. */
function axesOfOme(text: string, page: number, samples: number): Axis[] {
  const own = /<(?:\w+:)?OME\s[^>]*?\bUUID="([^"]*)"/.exec(text)?.[1];
  const images = [...text.matchAll(/<(?:\w+:)?Pixels(\s[^>]*)>(?:([^]*?)<\/(?:\w+:)?Pixels>)?/g)];
  const described = images.map(([, head, body = '']) => ({
    head,
    parts: partsOf(body, own),
    hasParts: /<(?:\w+:)?TiffData/.test(body),
  }));
  const holds = ({ from, count }: Part) => from <= page && page < from + count;
  const place = Math.max(
    0,
    described.findIndex(({ parts }) => parts.some(holds)),
  );
  const { head = '', parts = [], hasParts = false } = described[place] ?? {};
  const size = (name: string) => Math.max(1, numberIn(head, `Size${name}`, 1));
  const sizes = { C: Math.max(1, Math.round(size('C') / Math.max(1, samples))), Z: size('Z'), T: size('T') };
  const part = parts.find(holds) ?? (hasParts ? null : { from: 0, count: Infinity, first: { C: 0, Z: 0, T: 0 } });
  const at = part && placeIn(part, page, /DimensionOrder="XY(\w{3})"/.exec(head)?.[1] ?? 'CZT', sizes);
  return [
    ['image', part ? place + 1 : 0, images.length],
    ['channel', at ? at.C + 1 : 0, sizes.C],
    ['z', at ? at.Z + 1 : 0, sizes.Z],
    ['time', at ? at.T + 1 : 0, sizes.T],
  ];
}

const numberIn = (attributes: string, name: string, otherwise: number) =>
  Number(new RegExp(`\\s${name}="(\\d+)"`).exec(attributes)?.[1] ?? otherwise);

/** Those that lie in this file. */
const partsOf = (body: string, own: string | undefined): Part[] =>
  [...body.matchAll(/<(?:\w+:)?TiffData(\s[^>]*?)?(?:\/>|>([^]*?)<\/(?:\w+:)?TiffData>)/g)]
    .filter(([, , inner = '']) => {
      const uuid = /<(?:\w+:)?UUID[^>]*>\s*([^<\s]*)/.exec(inner)?.[1];
      return !uuid || !own || uuid === own;
    })
    .map(([, attributes = '']) => ({
      from: numberIn(attributes, 'IFD', 0),
      count: numberIn(attributes, 'PlaneCount', /\sIFD="/.test(attributes) ? 1 : Infinity),
      first: {
        C: numberIn(attributes, 'FirstC', 0),
        Z: numberIn(attributes, 'FirstZ', 0),
        T: numberIn(attributes, 'FirstT', 0),
      },
    }));

/** The first axis in `order` changes fastest. */
function placeIn({ from, first }: Part, page: number, order: string, sizes: Part['first']): Part['first'] {
  const place = { ...first };
  let left = page - from;
  for (const axis of order) {
    if (axis !== 'C' && axis !== 'Z' && axis !== 'T') continue;
    const whole = place[axis] + left;
    place[axis] = whole % sizes[axis];
    left = Math.floor(whole / sizes[axis]);
  }
  return place;
}
