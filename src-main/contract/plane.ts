/** Which plane of a stack is shown, such as the second channel of a microscope image. */

import { plural } from './words.ts';

/** In the order in which they are told. 'page': of a file that does not say what its pages are. */
export const planeAxes = ['channel', 'z', 'time', 'page'] as const;
export type PlaneAxis = (typeof planeAxes)[number];

/** Counted from 1; the first where nothing is said. A file with fewer planes along an axis shows its last. */
export type Plane = Readonly<Partial<Record<PlaneAxis, number>>>;

/** A plane as the notice of an image tells it. */
export interface ShownPlane {
  axis: PlaneAxis;
  place: number;
  count: number;
}

/** The axes of a stack, from a notice such as 'channel 1 of 2, z 3 of 9'; empty if the image is none, or if its place is not known. */
export const planesOf = (notice: string | null): ShownPlane[] =>
  [...(notice ?? '').matchAll(/(?:^|, |; )(channel|z|time|page) (\d+) of (\d+)/g)].map(([, axis, place, count]) => ({
    axis: axis as PlaneAxis,
    place: Number(place),
    count: Number(count),
  }));

const planesAlong = { channel: 'channels', z: 'z planes', time: 'time points', page: 'pages' } as const;

/** What a chosen plane does not do in a folder with these notices: an axis that no stack has, and places that some do not have. */
export function planeWarnings(plane: Plane, notices: readonly (string | null)[]): string[] {
  const shown = notices.flatMap(planesOf);
  return planeAxes.flatMap((axis) => {
    const place = plane[axis];
    if (place === undefined) return [];
    const counts = shown.filter((one) => one.axis === axis).map(({ count }) => count);
    if (!counts.length) return [`No stack in this folder has several ${planesAlong[axis]}.`];
    const fewer = counts.filter((count) => count < place).length;
    return fewer ? [`${plural(fewer, 'stack')} with fewer than ${place} ${planesAlong[axis]}: the last is shown.`] : [];
  });
}
