/** Describes how a duplicate differs from another. */
import { plural } from '../../src-main/contract/words.ts';
import type { Sample } from '../../src-main/contract/types.ts';

/** How a sample differs from the first of its group, in a few words; null if there is nothing to report. */
export function differenceTo(first: Sample, sample: Sample): string | null {
  if (first.sha256 === sample.sha256) return 'same file';
  if (first.frames !== sample.frames) return `${plural(sample.frames, 'frame')}, not ${first.frames}`;
  const pixels = shareOf(sample.width * sample.height, first.width * first.height, 'pixels');
  if (pixels) return pixels;
  if (first.format !== sample.format) return `${sample.format.toUpperCase()}, not ${first.format.toUpperCase()}`;
  return shareOf(sample.bytes, first.bytes, 'bytes') ?? 'same size';
}

/** `+38 % pixels`; null if the numbers are equal. */
function shareOf(own: number, first: number, unit: string): string | null {
  if (own === first) return null;
  const change = (own / first - 1) * 100;
  const sign = change > 0 ? '+' : '−';
  if (change >= 300) return `${(own / first).toFixed(own / first < 10 ? 1 : 0)} × the ${unit}`;
  return `${sign}${Math.abs(change) < 1 ? '<1' : Math.abs(change).toFixed(0)} % ${unit}`;
}
