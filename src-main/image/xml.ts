/** The start of an XML document as XML 1.0 allows it: a byte order mark, white space, the declaration, processing instructions, comments and a DOCTYPE with its own entities. */
import { gunzipSync, constants } from 'node:zlib';

/** An SVG whose root element begins later than this is not found. */
export const maxPrologBytes = 2 ** 20;

export interface Root {
  /** The local name of the root element in lower case, without its prefix. */
  name: string;
  /** Where its tag starts and where its attributes start, in characters of the text. */
  start: number;
  attributesAt: number;
}

type Encoding = 'utf8' | 'utf16le' | 'utf16be';

/** UTF-16 is known by its byte order mark, or by a first '<' of two bytes. Other encodings keep ASCII as it is. */
function encodingOf(bytes: Buffer): Encoding {
  const mark = bytes.length >= 2 ? bytes.readUInt16BE(0) : 0;
  return mark === 0xfffe || mark === 0x3c00 ? 'utf16le' : mark === 0xfeff || mark === 0x003c ? 'utf16be' : 'utf8';
}

export const isUtf16 = (bytes: Buffer) => encodingOf(bytes) !== 'utf8';

/** The text without its byte order mark. UTF-16 is decoded; other encodings become one character per byte. */
export function textOfXml(bytes: Buffer): string {
  const encoding = encodingOf(bytes);
  if (encoding === 'utf8') return bytes.toString('latin1', bytes.indexOf('\xef\xbb\xbf', 0, 'latin1') === 0 ? 3 : 0);
  const even = bytes.subarray(0, bytes.length & ~1);
  return (encoding === 'utf16le' ? even : Buffer.from(even).swap16()).toString('utf16le').replace(/^\uFEFF/, '');
}

/** The root element; null if this is no XML; 'cut' if the text ends before the root begins. */
export function rootOfXml(text: string): Root | null | 'cut' {
  for (let at = 0; ;) {
    while (' \t\r\n'.includes(text[at] ?? '-')) at++;
    if (at >= text.length) return 'cut';
    if (text[at] !== '<') return null;
    if (text.startsWith('<?', at)) at = after(text, '?>', at + 2);
    else if (text.startsWith('<!--', at)) at = after(text, '-->', at + 4);
    else if (/^<!DOCTYPE[\s[]/i.test(text.slice(at, at + 10))) at = afterDoctype(text, at + 9);
    else {
      const tag = /^<(?:[\p{L}_][\p{L}\p{N}_.-]*:)?([\p{L}_][\p{L}\p{N}_.-]*)(?=[\s/>])/u.exec(
        text.slice(at, at + 256),
      );
      if (!tag) return text.length - at < 256 ? 'cut' : null;
      return { name: tag[1].toLowerCase(), start: at, attributesAt: at + tag[0].length };
    }
    if (at < 0) return 'cut';
  }
}

const after = (text: string, end: string, from: number) => {
  const at = text.indexOf(end, from);
  return at < 0 ? -1 : at + end.length;
};

/** Where the DOCTYPE ends: at the first '>' outside of quotes, comments and the internal subset. -1 if it is cut. */
function afterDoctype(text: string, from: number): number {
  let isInside = false;
  for (let at = from; at >= 0 && at < text.length;) {
    const char = text[at];
    if (char === '"' || char === "'") at = after(text, char, at + 1);
    else if (text.startsWith('<!--', at)) at = after(text, '-->', at + 4);
    else if (text.startsWith('<?', at)) at = after(text, '?>', at + 2);
    else if (char === '>' && !isInside) return at + 1;
    else {
      if (char === '[') isInside = true;
      if (char === ']') isInside = false;
      at++;
    }
    if (at < 0) return -1;
  }
  return -1;
}

function rootAt(head: Buffer) {
  const first = textOfXml(head.subarray(0, 64)).trimStart();
  return first === '' || first[0] === '<' ? rootOfXml(textOfXml(head.subarray(0, maxPrologBytes))) : null;
}

/** True if the root element of these bytes is `svg`, with any prefix. */
export function isSvg(head: Buffer): boolean {
  const root = rootAt(head);
  return root !== null && root !== 'cut' && root.name === 'svg';
}

/** True if these first bytes are XML, but end before the root element: more bytes would tell. */
export const isXmlProlog = (head: Buffer): boolean =>
  head.length < maxPrologBytes && /^\s*<[?!]/.test(textOfXml(head.subarray(0, 64))) && rootAt(head) === 'cut';

/** The first bytes of what is compressed in a gzip file; empty if it is none. */
export function inflatedHead(head: Buffer): Buffer {
  if (head[0] !== 0x1f || head[1] !== 0x8b) return Buffer.alloc(0);
  try {
    return gunzipSync(head.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: 8 * 2 ** 20 });
  } catch {
    return Buffer.alloc(0);
  }
}
