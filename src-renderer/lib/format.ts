/** Numbers as people read them. */

export { plural, whole } from '../../src-main/contract/words.ts';

export const percent = (part: number, all: number) => `${all ? ((part / all) * 100).toFixed(1) : '0.0'} %`;

/** Three significant digits with a prefix: `3.39 M`. */
export const short = (n: number): string =>
  n >= 1e9
    ? `${(n / 1e9).toPrecision(3)} G`
    : n >= 1e6
      ? `${(n / 1e6).toPrecision(3)} M`
      : n >= 1e3
        ? `${(n / 1e3).toPrecision(3)} k`
        : String(n);

/** Floating-point operations: `770 MFLOPs`. */
export const flopsText = (n: number): string => `${short(n)}${n < 1000 ? ' ' : ''}FLOPs`;

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const unit = Math.min(4, Math.floor(Math.log10(n) / 3));
  return `${(n / 1000 ** unit).toPrecision(3)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}

/** Three significant digits, without an exponent if possible. */
export function score(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 100_000 || size < 0.0001) return value.toExponential(2);
  return size >= 100 ? value.toFixed(0) : value.toFixed(Math.min(6, 2 - Math.floor(Math.log10(size))));
}

export function duration(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function ago(timeMs: number, nowMs = Date.now()): string {
  const seconds = (nowMs - timeMs) / 1000;
  if (seconds < 60) return 'now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(timeMs).toLocaleDateString('en', { day: 'numeric', month: 'short' });
}

/** Formats a probability; never as 0 % or 100 %. */
export const probabilityText = (share: number): string =>
  share < 0.01 ? '< 1 %' : share > 0.99 ? '> 99 %' : `${Math.round(share * 100)} %`;

export const dateTime = (timeMs: number): string =>
  new Date(timeMs).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });

/** The folder of a path, with its slash, and the name of the file. */
export function pathParts(path: string): { folder: string; name: string } {
  const start = path.lastIndexOf('/') + 1;
  return { folder: path.slice(0, start), name: path.slice(start) };
}
