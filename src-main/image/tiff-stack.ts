/** Which plane of a stack a page of a TIFF is, by what microscopes write: OME-XML (OME-TIFF 6), the description of ImageJ, and the planes of MetaMorph. */
import type { Plane, PlaneAxis } from '../contract/plane.ts';
import { tag, type Directory } from './tiff.ts';

/** A place in a stack, counted from 1; 0 if the file does not say which. */
type Axis = readonly [name: 'image' | Exclude<PlaneAxis, 'page'>, place: number, count: number];

export interface Shown {
  /** The number of the directory. */
  page: number;
  frames: number;
  /** What else the file holds. */
  notice?: string;
}

/** The directory that is the chosen plane; the first if the file does not hold it. `pages`: the numbers of the directories of full resolution, of which `first` is the first. */
export function stackOf(first: Directory, pages: readonly number[], plane: Plane): Shown {
  const text = first.has(tag.description) ? first.text(tag.description) : '';
  const planes = first.count(tag.metaMorphPlanes);
  if (planes > 1) return { page: pages[0], frames: planes, notice: `plane 1 of ${planes}` }; // all of them are in one directory
  const isImageJ = text.startsWith('ImageJ=');
  const axesOf = /<(?:\w+:)?OME[\s>]/.test(text)
    ? axesOfOme(text, first.number(tag.samples, 1))
    : isImageJ
      ? axesOfImageJ(text, pages)
      : () => [];
  const frames = isImageJ ? Math.max(pages.length, inImageJ(text, 'images')) : pages.length; // a large stack of ImageJ has one directory
  const longer = (axes: readonly Axis[]) => axes.filter(([, , count]) => count > 1);
  if (!longer(axesOf(pages[0])).length) {
    const place = Math.min(plane.page ?? 1, pages.length);
    return { page: pages[place - 1], frames, ...(frames > 1 && { notice: `page ${place} of ${frames}` }) };
  }
  const isChosen = (page: number) =>
    axesOf(page).every(([name, place, count]) => place === Math.min(name === 'image' ? 1 : (plane[name] ?? 1), count));
  const page = (plane.channel || plane.z || plane.time ? pages.find(isChosen) : undefined) ?? pages[0];
  return {
    page,
    frames,
    notice: longer(axesOf(page))
      .map(([name, place, count]) => `${name} ${place || '?'} of ${count}`)
      .join(', '),
  };
}

const inImageJ = (text: string, name: string) => Number(new RegExp(`^${name}=(\\d+)`, 'm').exec(text)?.[1] ?? 1);

/** ImageJ stores the channels of a slice one after the other, then the next slice, then the next time. */
function axesOfImageJ(text: string, pages: readonly number[]): (page: number) => Axis[] {
  const [channels, slices, times] = ['channels', 'slices', 'frames'].map((name) => Math.max(1, inImageJ(text, name)));
  return (page) => {
    const i = pages.indexOf(page);
    return [
      ['channel', (i % channels) + 1, channels],
      ['z', (Math.floor(i / channels) % slices) + 1, slices],
      ['time', Math.floor(i / channels / slices) + 1, times],
    ];
  };
}

interface Part {
  /** The first directory, and how many planes follow from there. */
  from: number;
  count: number;
  /** The place of the first plane, from 0. */
  first: Record<'C' | 'Z' | 'T', number>;
}

/** The place of a directory among the planes that the metadata describe, which may lie in several files. */
function axesOfOme(text: string, samples: number): (page: number) => Axis[] {
  const own = /<(?:\w+:)?OME\s[^>]*?\bUUID="([^"]*)"/.exec(text)?.[1];
  const images = [...text.matchAll(/<(?:\w+:)?Pixels(\s[^>]*)>(?:([^]*?)<\/(?:\w+:)?Pixels>)?/g)];
  const described = images.map(([, head, body = '']) => ({
    head,
    parts: partsOf(body, own),
    hasParts: /<(?:\w+:)?TiffData/.test(body),
  }));
  return (page) => {
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
  };
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
