/** Copies of an image as they turn up in real folders, each under the kind by which it is to be found. Planted by the duplicates bench. */
import sharp, { type Sharp } from 'sharp';

interface Plant { kind: 'near' | 'rotated' | 'mirrored'; extension: 'jpg' | 'png'; make(source: Sharp, width: number, height: number): Sharp }

const scaled = (by: number) => (source: Sharp, width: number): Sharp => source.resize({ width: Math.max(8, Math.round(width * by)) }).jpeg({ quality: 90 });
const cut = (left: number, top: number, right: number, bottom: number) => (source: Sharp, width: number, height: number): Sharp => {
  const [l, t] = [Math.round(width * left), Math.round(height * top)];
  return source.extract({ left: l, top: t, width: width - l - Math.round(width * right), height: height - t - Math.round(height * bottom) });
};

export const plants: Record<string, Plant> = {
  'q40': { kind: 'near', extension: 'jpg', make: (s) => s.jpeg({ quality: 40 }) },
  'q60': { kind: 'near', extension: 'jpg', make: (s) => s.jpeg({ quality: 60 }) },
  'q85': { kind: 'near', extension: 'jpg', make: (s) => s.jpeg({ quality: 85 }) },
  'x0.4': { kind: 'near', extension: 'jpg', make: scaled(0.4) },
  'x0.5': { kind: 'near', extension: 'jpg', make: scaled(0.5) },
  'x0.9': { kind: 'near', extension: 'jpg', make: scaled(0.9) },
  'x2': { kind: 'near', extension: 'jpg', make: scaled(2) },
  'crop 3 %': { kind: 'near', extension: 'jpg', make: (s, w, h) => cut(0.03, 0.03, 0.03, 0.03)(s, w, h).jpeg({ quality: 90 }) },
  'crop 2 % left': { kind: 'near', extension: 'jpg', make: (s, w, h) => cut(0.02, 0, 0, 0)(s, w, h).jpeg({ quality: 90 }) },
  'crop 3 %, x0.6, q60': { kind: 'near', extension: 'jpg', make: (s, w, h) => cut(0.03, 0.03, 0.03, 0.03)(s, w, h).resize({ width: Math.round(w * 0.56) }).jpeg({ quality: 60 }) },
  'brighter 10 %': { kind: 'near', extension: 'jpg', make: (s) => s.linear(1.1, 0).jpeg({ quality: 90 }) },
  'darker 10 %': { kind: 'near', extension: 'jpg', make: (s) => s.linear(0.9, 0).jpeg({ quality: 90 }) },
  'paler': { kind: 'near', extension: 'png', make: (s) => s.linear(0.9, 12.8).png() },
  '90°': { kind: 'rotated', extension: 'jpg', make: (s) => s.rotate(90).jpeg({ quality: 90 }) },
  '180°': { kind: 'rotated', extension: 'jpg', make: (s) => s.rotate(180).jpeg({ quality: 75 }) },
  '270°': { kind: 'rotated', extension: 'png', make: (s) => s.rotate(270).png() },
  'mirror': { kind: 'mirrored', extension: 'jpg', make: (s) => s.flop().jpeg({ quality: 90 }) },
  'flip': { kind: 'mirrored', extension: 'jpg', make: (s) => s.flip().jpeg({ quality: 60 }) },
  'mirror, 90°': { kind: 'mirrored', extension: 'png', make: (s) => s.rotate(90).flop().png() },
};

/** The planted file's bytes; `standard` is the upright original as PNG bytes, so that every plant starts from the same pixels. */
export async function plant(name: string, standard: Buffer): Promise<Buffer> {
  const { width, height } = await sharp(standard).metadata();
  return plants[name].make(sharp(standard), width, height).toBuffer();
}
