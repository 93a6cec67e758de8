/**
 * Camera raw files: the size of the raw image, and the pictures that the camera stored with it. All makers embed JPEG, some as files of their own, some in
 * directories of TIFF, boxes or notes of the maker; so JPEG is looked for in the whole file, by its structure. No raw samples are developed.
 */
import { jpegsIn, type FoundJpeg } from './embedded-jpeg.ts';
import { truncated } from './raw.ts';
import { chunksEndLate, tag, Tiff, type Directory } from './tiff.ts';
import { isFull, isReadable, layoutOf } from './tiff-picture.ts';

interface Size {
  width: number;
  height: number;
}

/** Photometric interpretations and compressions that only raw samples have. */
const rawPhotometrics: ReadonlySet<number> = new Set([32803, 34892]);
const rawCompressions: ReadonlySet<number> = new Set([262, 32767, 32769, 32770, 34713, 65000, 65535]);

const isRawSamples = (directory: Directory) =>
  rawPhotometrics.has(directory.number(tag.photometric, 1)) ||
  rawCompressions.has(directory.number(tag.compression, 1));

/** All directories of pictures: the chain, their parts, and those of the parts. */
function allDirectories(tiff: Tiff): Directory[] {
  const parts = tiff.directories.flatMap((directory) => tiff.partsOf(directory));
  return [...tiff.directories, ...parts, ...parts.flatMap((part) => tiff.partsOf(part))];
}

/** The structure of a raw file that is a TIFF; null for the others. */
function tiffOf(bytes: Buffer): Tiff | null {
  const order = bytes.toString('latin1', 0, 2);
  if (order !== 'II' && order !== 'MM') return null;
  try {
    return new Tiff(bytes);
  } catch {
    return null;
  }
}

/** True if a TIFF has raw samples of a camera. `bytes`: the whole file, or its start if that is all there is yet. */
export function isCameraRaw(bytes: Buffer): boolean {
  const tiff = tiffOf(bytes);
  if (!tiff) return false;
  try {
    return tiff.directories[0].has(tag.dngVersion) || allDirectories(tiff).some(isRawSamples);
  } catch {
    return false;
  }
}

export interface CameraRaw {
  /** Of the raw image, before orientation; null if the file does not say. */
  size: Size | null;
  /** 1 to 8; null if only the embedded JPEG says. */
  orientation: number | null;
  /** Usable embedded JPEG, the largest first. */
  jpegs: FoundJpeg[];
  /** The largest other picture that can be read (`pictureDirectory`). `isWhole`: the file has no raw samples, so that it is all of it. */
  picture: (Size & { isWhole: boolean }) | null;
}

/** Throws DecodeError if the file ends before its raw samples: what it still has is not all of it. */
export function findPictures(bytes: Buffer): CameraRaw {
  const tiff = tiffOf(bytes);
  const samples = tiff ? allDirectories(tiff).filter(isRawSamples) : [];
  // Files with another magic number place their samples in ways of their own.
  if (tiff?.short(2) === 42 && samples.some((directory) => chunksEndLate(directory, bytes.length))) throw truncated();
  const { size, orientation } = tiff ? ofTiff(tiff) : (ofBoxes(bytes) ?? ofFuji(bytes) ?? ofSigma(bytes) ?? unknown);
  const samplesAt = new Set(
    samples.flatMap((directory) => [...directory.numbers(tag.stripOffsets), ...directory.numbers(tag.tileOffsets)]),
  );
  const suits = (found: Size) => !size || hasShapeOf(found, size);
  const directory = tiff && pictureDirectory(tiff);
  const picture = directory && sizeOf(directory);
  return {
    size,
    orientation,
    jpegs: jpegsIn(bytes)
      .filter((found) => !samplesAt.has(found.at) && suits(found))
      .sort((a, b) => b.width * b.height - a.width * a.height),
    picture: picture && suits(picture) ? { ...picture, isWhole: !samples.length && isFull(directory!) } : null,
  };
}

/** The largest directory with a colour picture that can be read; null if there is none. Olympus and Panasonic have raw samples that look like gray. */
export function pictureDirectory(tiff: Tiff): Directory | null {
  const readable = allDirectories(tiff).filter((directory) => {
    try {
      const layout = layoutOf(directory);
      const isStored = directory.has(tag.stripOffsets) || directory.has(tag.tileOffsets);
      return isStored && !isRawSamples(directory) && layout.colours === 3 && isReadable(layout);
    } catch {
      return false;
    }
  });
  return readable.reduce<Directory | null>(
    (best, one) => (best && area(sizeOf(best)) >= area(sizeOf(one)) ? best : one),
    null,
  );
}

const unknown = { size: null, orientation: null };
const area = ({ width, height }: Size) => width * height;
const sizeOf = (directory: Directory): Size => ({
  width: directory.number(tag.width, 0),
  height: directory.number(tag.height, 0),
});
const orientationOf = (directory: Directory) => {
  const found = directory.number(tag.orientation, 0);
  return found >= 1 && found <= 8 ? found : null;
};

/** Smaller previews of another shape are thumbnails with bars, or cut. Larger ones have the shape that was chosen in the camera. */
const thumbnailSidePx = 640;
function hasShapeOf(found: Size, raw: Size): boolean {
  const ratio = ({ width, height }: Size) => Math.max(width, height) / Math.min(width, height);
  return Math.max(found.width, found.height) >= thumbnailSidePx || Math.abs(ratio(found) / ratio(raw) - 1) < 0.1;
}

/** Panasonic stores the borders of the image on the sensor. */
const panasonic = { magic: 0x55, top: 4, left: 5, bottom: 6, right: 7 } as const;

function ofTiff(tiff: Tiff): Pick<CameraRaw, 'size' | 'orientation'> {
  const [first] = tiff.directories;
  const orientation = orientationOf(first);
  if (tiff.short(2) === panasonic.magic) {
    const [top, left, bottom, right] = [panasonic.top, panasonic.left, panasonic.bottom, panasonic.right].map((id) =>
      first.number(id, 0),
    );
    if (right > left && bottom > top) return { size: { width: right - left, height: bottom - top }, orientation };
  }
  const all = allDirectories(tiff);
  const raws = all.filter(isRawSamples).map(sizeOf);
  const largest = (raws.length ? raws : all.map(sizeOf)).reduce((a, b) => (area(b) > area(a) ? b : a));
  return { size: area(largest) ? largest : null, orientation };
}

/** Canon's CR3: the box CMT1 is a TIFF directory with the size. */
function ofBoxes(bytes: Buffer): Pick<CameraRaw, 'size' | 'orientation'> | null {
  if (bytes.toString('latin1', 4, 8) !== 'ftyp') return null;
  const at = bytes.indexOf('CMT1');
  const inner = at < 4 ? null : tiffOf(bytes.subarray(at + 4, at - 4 + bytes.readUInt32BE(at - 4)));
  if (!inner) return unknown;
  const size = sizeOf(inner.directories[0]);
  return { size: area(size) ? size : null, orientation: orientationOf(inner.directories[0]) };
}

/** Fujifilm: records with a tag and a length; heights come before widths. */
function ofFuji(bytes: Buffer): Pick<CameraRaw, 'size' | 'orientation'> | null {
  if (bytes.toString('latin1', 0, 15) !== 'FUJIFILMCCD-RAW' || bytes.length < 100) return null;
  const [whole, cropped] = [0x100, 0x111];
  const found = new Map<number, Size>();
  let at = bytes.readUInt32BE(92);
  if (at + 4 > bytes.length) return unknown;
  const records = bytes.readUInt32BE(at);
  at += 4;
  for (let i = 0; i < Math.min(records, 255) && at + 8 <= bytes.length; i++, at += 4 + bytes.readUInt16BE(at + 2))
    found.set(bytes.readUInt16BE(at), { height: bytes.readUInt16BE(at + 4), width: bytes.readUInt16BE(at + 6) });
  const size = found.get(cropped) ?? found.get(whole);
  return { size: size && area(size) ? size : null, orientation: null };
}

/** Sigma's X3F: size and rotation are in the header. */
function ofSigma(bytes: Buffer): Pick<CameraRaw, 'size' | 'orientation'> | null {
  if (bytes.toString('latin1', 0, 4) !== 'FOVb' || bytes.length < 40) return null;
  const size = { width: bytes.readUInt32LE(28), height: bytes.readUInt32LE(32) };
  const turns: Record<number, number> = { 0: 1, 90: 6, 180: 3, 270: 8 };
  return { size: area(size) ? size : null, orientation: turns[bytes.readUInt32LE(36)] ?? null };
}

/**
 * The orientation of a picture in a raw file and the size of the whole image after it. `found`: the picture as it is stored; `own`: its own orientation.
 * A picture of another shape than the raw image was cut in the camera: its size is that of the cut.
 */
export function shownAs(
  raw: Pick<CameraRaw, 'size' | 'orientation'>,
  found: Size,
  own: number,
): Size & { orientation: number } {
  const isUpright = ({ width, height }: Size) => height > width;
  const isTurned = raw.size !== null && isUpright(found) !== isUpright(raw.size) && (raw.orientation ?? 1) > 4; // by the camera
  const orientation = isTurned ? 1 : (raw.orientation ?? own);
  const whole = raw.size && isTurned ? { width: raw.size.height, height: raw.size.width } : (raw.size ?? found);
  const scale = Math.min(whole.width / found.width, whole.height / found.height);
  const cut = { width: Math.round(found.width * scale), height: Math.round(found.height * scale) };
  const isCut = cut.width < whole.width * 0.95 || cut.height < whole.height * 0.95;
  const { width, height } = isCut ? cut : whole;
  return orientation > 4 ? { width: height, height: width, orientation } : { width, height, orientation };
}
