/** The geometry of the grid: sections split into rows, and the tiles that a rubber band touches. */
import { partitionPoint } from '../../src-main/contract/numbers.ts';
import type { Section } from './arrange.ts';

/** A heading (`title` set; from and to are the section's) or a row of tiles. */
export interface Row {
  title: string | null;
  from: number;
  to: number;
}

export function rowsOf(sections: readonly Section[], inRow: number): Row[] {
  const rows: Row[] = [];
  for (const { title, from, to } of sections) {
    if (title !== null) rows.push({ title, from, to });
    for (let at = from; at < to; at += inRow) rows.push({ title: null, from: at, to: Math.min(to, at + inRow) });
  }
  return rows;
}

export interface Frame {
  x: number;
  y: number;
  toX: number;
  toY: number;
}
interface Measures {
  inRow: number;
  tilePx: number;
  gapPx: number;
  edgePx: number;
  rowPx: number;
  offsetOf(row: number): number;
}

/** Ids of the samples whose tiles the rubber band touches; coordinates are pixels of the scrolled content. */
export function idsIn(
  frame: Frame,
  shown: readonly { id: number }[],
  rows: readonly Row[],
  { inRow, tilePx, gapPx, edgePx, rowPx, offsetOf }: Measures,
): number[] {
  const [left, right] = [Math.min(frame.x, frame.toX) - edgePx, Math.max(frame.x, frame.toX) - edgePx];
  const [top, bottom] = [Math.min(frame.y, frame.toY) - edgePx, Math.max(frame.y, frame.toY) - edgePx];
  const step = tilePx + gapPx;
  const first = Math.max(0, Math.ceil((left - tilePx) / step));
  const last = Math.min(inRow - 1, Math.floor(right / step));
  const ids: number[] = [];
  // Rows are sorted: a binary search finds the first that reaches below the top of the rubber band.
  const firstRow = partitionPoint(rows.length, (i) => offsetOf(i) + rowPx <= top);
  for (let i = firstRow; i < rows.length; i++) {
    const y = offsetOf(i);
    if (y > bottom) break;
    const { title, from, to } = rows[i];
    if (title !== null || y + rowPx - gapPx < top) continue;
    for (let at = from + first; at <= Math.min(to - 1, from + last); at++) ids.push(shown[at].id);
  }
  return ids;
}
