/** Lookup tables of DICOM: for the modality (PS3.3 C.11.1), for the display (VOI, C.11.2) and for the colours of a palette (C.7.6.3.1.5). */
import type { DataSet } from 'dicom-parser';

export interface Lut {
  values: Uint16Array;
  /** The value that the first entry stands for; smaller values have that entry too, and larger ones than the table has the last. */
  first: number;
  /** Of an entry. */
  bits: number;
}

/** A table by the tags of its descriptor and its data; null if one of them is missing or too short. `isSigned`: what the first value is if the file does not say. */
export function readLut(set: DataSet, descriptor: string, data: string, isSigned = false): Lut | null {
  const [head, table] = [set.elements[descriptor], set.elements[data]];
  if (!head || !table || head.length < 6) return null;
  const size = set.uint16(descriptor, 0) || 65_536;
  const hasSign = head.vr === 'SS' || (head.vr !== 'US' && isSigned);
  const first = (hasSign ? set.int16(descriptor, 1) : set.uint16(descriptor, 1)) ?? 0;
  const isWide = table.length >= size * 2;
  if (!isWide && table.length < size) return null;
  const { byteArray, byteArrayParser } = set;
  const values = Uint16Array.from({ length: size }, (_, i) =>
    isWide ? byteArrayParser.readUint16(byteArray, table.dataOffset + i * 2) : byteArray[table.dataOffset + i],
  );
  const bits = set.uint16(descriptor, 2) ?? 16;
  return { values, first, bits: isWide ? Math.min(16, Math.max(8, bits)) : 8 };
}

export const lookUp = ({ values, first }: Lut, value: number): number =>
  values[Math.max(0, Math.min(values.length - 1, Math.round(value) - first))];

/** The first table of a sequence: undefined if there is no such sequence, null if it has no usable table. */
export function lutOf(set: DataSet, sequence: string, isSigned: boolean): Lut | null | undefined {
  const items = set.elements[sequence]?.items;
  if (!items) return undefined;
  const inner = items[0]?.dataSet;
  return inner ? readLut(inner, 'x00283002', 'x00283006', isSigned) : null;
}
