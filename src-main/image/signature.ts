/** What a record of a format says, and the helpers that its signature is written with. */

/** Who decodes a format: sharp, a decoder of our own in a worker thread (`decode-worker.ts`), or nobody yet. */
export type Decoder = 'sharp' | 'worker' | null;

export interface FormatRecord {
  /** As messages and the README call it. */
  title: string;
  decoder: Decoder;
  /** Lower case, without the dot. The first one is the usual one. Extensions that also mean something else are left out: only the signature tells. */
  extensions: readonly string[];
  /** The media type, if every browser can show the format. */
  media?: string;
  /** The file is the index of pixels in other files, and its content is a thumbnail in another format: its extension decides. */
  isIndex?: true;
  /** True if a file starts so. `head`: at least four bytes, usually `sniffBytes`. Missing: the format has no signature, and only its extension tells. */
  matches?(head: Buffer): boolean;
}

export const starts = (head: Buffer, ...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);
export const ascii = (head: Buffer, from: number, to: number) => head.toString('latin1', from, to);
export const startsWith = (head: Buffer, text: string) => ascii(head, 0, text.length) === text;
/** The brands of an ISO base media file (ISO 14496-12), as one string; '' for other files. */
export const brands = (head: Buffer) =>
  ascii(head, 4, 8) === 'ftyp' ? ascii(head, 8, Math.min(head.length, Math.max(16, head.readUInt32BE(0)))) : '';
