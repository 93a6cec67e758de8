/**
 * Makes an SVG ready for librsvg, and chooses its size: about 1,024 px on the longer side. librsvg reads what libvips recognises, which is less than XML allows: so
 * UTF-16 becomes UTF-8, and a mark before the root makes a late root or a root with another prefix recognised. An SVG that is rendered from memory cannot load
 * other files.
 */
import { gunzipSync } from 'node:zlib';
import sharp, { type SharpOptions } from 'sharp';
import { DecodeError, maxPixels, withTimeout } from './raw.ts';
import { isUtf16, rootOfXml, textOfXml } from './xml.ts';

const sidePx = 1024;
/** Smaller natural sizes are too coarse to find the density: libvips rounds them to whole pixels. */
const leastNaturalPx = 64;
const maxDensity = 2400;
/** With this density, librsvg takes an inch for 96 px, as CSS does. It then draws each px 96 / 72 pixels wide. */
const unitDensity = 96;
const unitSidePx = (sidePx * 72) / unitDensity;
/** An SVGZ that inflates to more is refused. */
const maxInflatedBytes = 64 * 2 ** 20;

interface Drawing {
  drawing: Buffer;
  options: SharpOptions;
  width: number;
  height: number;
}

/** `bytes`: an SVG, or one that gzip has compressed. Throws DecodeError and the errors of libvips. */
export async function prepareSvg(file: Buffer): Promise<Drawing> {
  const drawing = recognisable(file[0] === 0x1f ? inflate(file) : file);
  const size = sizeOfRoot(drawing);
  if (size && !isPlain(size)) return drawn(withSize(drawing, size), unitDensity);
  const natural = await drawn(drawing, 72);
  const density = Math.min(maxDensity, Math.max(1, (72 * sidePx) / Math.max(natural.width, natural.height, 1)));
  return drawn(drawing, density);
}

async function drawn(drawing: Buffer, density: number): Promise<Drawing> {
  const options = { failOn: 'error', limitInputPixels: maxPixels, density } as const;
  const { width, height } = await withTimeout(sharp(drawing, options).metadata());
  return { drawing, options, width, height };
}

function inflate(file: Buffer): Buffer {
  try {
    return gunzipSync(file, { maxOutputLength: maxInflatedBytes });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_BUFFER_TOO_LARGE')
      throw new DecodeError('too-large', `The SVGZ inflates to more than ${maxInflatedBytes / 2 ** 20} MiB.`);
    throw code === 'Z_BUF_ERROR'
      ? new DecodeError('truncated', 'The file ends before the end of the image.')
      : new DecodeError('corrupt', 'The image data is damaged (its compression is broken).');
  }
}

function recognisable(bytes: Buffer): Buffer {
  const text = isUtf16(bytes)
    ? Buffer.from(textOfXml(bytes).replace(/^(<\?xml[^>]*?)\s+encoding\s*=\s*(?:"[^"]*"|'[^']*')/, '$1')).toString(
        'latin1',
      )
    : textOfXml(bytes).replace(/^\s+/, '');
  const declaration = /^<\?xml\s[^]*?\?>/.exec(text)?.[0] ?? '';
  return Buffer.from(`${declaration}<!--<svg-->${text.slice(declaration.length)}`, 'latin1');
}

interface Size {
  width: number;
  height: number;
  /** In millimetres, inches and the like, which the density scales a second time. */
  isPhysical: boolean;
}

/** True if the density alone gives the wanted size: both sides are at least a pixel, and the natural size is not far from 1,024 px. */
function isPlain({ width, height, isPhysical }: Size): boolean {
  const [long, short] = [Math.max(width, height), Math.min(width, height)];
  return !isPhysical && long / short <= sidePx && long >= leastNaturalPx && long <= sidePx * 72;
}

/** In px. */
const units: Record<string, number> = { '': 1, px: 1, pt: 96 / 72, pc: 16, mm: 96 / 25.4, cm: 96 / 2.54, in: 96 };

/** The attributes of the root: its tag and where it is. */
function tagOfRoot(text: string) {
  const root = rootOfXml(text);
  if (!root || root === 'cut') return null;
  const tag = /^(?:[^>"']|"[^"]*"|'[^']*')*>/.exec(text.slice(root.attributesAt))?.[0];
  if (tag === undefined) return null;
  const value = (name: string) =>
    new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`).exec(tag)?.slice(1).find(Boolean);
  return { from: root.attributesAt, to: root.attributesAt + tag.length, tag, value };
}

/** Width and height of the drawing in px, from its size or its view box; null if it states neither. */
function sizeOfRoot(bytes: Buffer): Size | null {
  const root = tagOfRoot(textOfXml(bytes));
  if (!root) return null;
  let isPhysical = false;
  const length = (name: string) => {
    const [, number, unit = ''] = /^\s*\+?([\d.]+(?:e[+-]?\d+)?)\s*([a-z]*)\s*$/i.exec(root.value(name) ?? '') ?? [];
    const px = Number(number) * (units[unit.toLowerCase()] ?? NaN);
    if (!(px > 0 && px < Infinity)) return null;
    isPhysical ||= !/^(?:px)?$/i.test(unit);
    return px;
  };
  const box = boxOf(root.value('viewBox'));
  const [width, height] = [length('width'), length('height')];
  if (width && height) return { width, height, isPhysical };
  if (!box) return null;
  const [, , boxWidth, boxHeight] = box;
  if (width) return { width, height: (width * boxHeight) / boxWidth, isPhysical };
  return height
    ? { width: (height * boxWidth) / boxHeight, height, isPhysical }
    : { width: boxWidth, height: boxHeight, isPhysical };
}

function boxOf(text = ''): number[] | null {
  const box = text
    .trim()
    .split(/[\s,]+/)
    .map(Number);
  return box.length === 4 && box.every(Number.isFinite) && box[2] > 0 && box[3] > 0 ? box : null;
}

/** The drawing with its longer side at `sidePx`, and at least one pixel on the other. */
function withSize(bytes: Buffer, { width, height }: Size): Buffer {
  const text = textOfXml(bytes);
  const root = tagOfRoot(text);
  if (!root) return bytes;
  const scale = unitSidePx / Math.max(width, height);
  const [drawnWidth, drawnHeight] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  const isSqueezed = Math.min(width, height) * scale < 1;
  const dropped = ['width', 'height', ...(isSqueezed ? ['preserveAspectRatio'] : [])].join('|');
  const rest = root.tag.replace(new RegExp(`\\s(?:${dropped})\\s*=\\s*(?:"[^"]*"|'[^']*')`, 'g'), '');
  const box = boxOf(root.value('viewBox')) ? '' : ` viewBox="0 0 ${width} ${height}"`;
  const ratio = isSqueezed ? ' preserveAspectRatio="none"' : '';
  const size = ` width="${drawnWidth}" height="${drawnHeight}"${box}${ratio}`;
  return Buffer.from(text.slice(0, root.from) + size + rest + text.slice(root.to), 'latin1');
}
