/** How a DICOM file starts: 'DICM' after a preamble of 128 bytes, or, in older files, the first elements at once (PS3.5 and PS3.10). */

/** 'part-10': with a preamble; 'meta': the file meta information at once; 'explicit' and 'implicit': a bare data set in little-endian. Null: no DICOM. */
export function startOfDicom(head: Buffer): 'part-10' | 'meta' | 'explicit' | 'implicit' | null {
  if (head.toString('latin1', 128, 132) === 'DICM') return 'part-10';
  if (head.length < 32) return null;
  const group = head.readUInt16LE(0);
  if (group === 2 && head.readUInt16LE(2) <= 2 && /^(UL|OB)$/.test(head.toString('latin1', 4, 6))) return 'meta';
  if (group !== 8) return null;
  return isDataSet(head, true) ? 'explicit' : isDataSet(head, false) ? 'implicit' : null;
}

/** True if at least three elements of group 8 follow each other with ascending numbers, printable text and plausible lengths. */
function isDataSet(head: Buffer, isExplicit: boolean): boolean {
  let last = -1;
  let count = 0;
  for (let at = 0; count < 3 && at + 8 <= head.length; count++) {
    const [group, element] = [head.readUInt16LE(at), head.readUInt16LE(at + 2)];
    if (group !== 8 || element <= last) return false;
    if (
      isExplicit &&
      !/^(?:AE|AS|CS|DA|DS|DT|IS|LO|LT|PN|SH|ST|TM|UI|UL|US)$/.test(head.toString('latin1', at + 4, at + 6))
    )
      return false;
    const length = isExplicit ? head.readUInt16LE(at + 6) : head.readUInt32LE(at + 4);
    if (length > 1024 || length % 2) return false;
    if (element > 0 && !/^[\x20-\x7e]*\0?$/.test(head.toString('latin1', at + 8, at + 8 + length))) return false;
    last = element;
    at += 8 + length;
  }
  return count === 3;
}
