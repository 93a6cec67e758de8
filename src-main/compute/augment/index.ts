/** The registry of augmentations, in the order in which the custom policy applies them. A new one is one file and one entry here. */
import { blur } from './blur.ts';
import { brightness } from './brightness.ts';
import { contrast } from './contrast.ts';
import { erasing } from './erasing.ts';
import { flipX, flipY } from './flips.ts';
import { grain } from './grain.ts';
import { hue } from './hue.ts';
import { jpeg } from './jpeg.ts';
import { invert, posterize, solarize } from './levels.ts';
import type { Operation } from './operation.ts';
import { perspective } from './perspective.ts';
import { resizedCrop } from './resized-crop.ts';
import { rotation } from './rotation.ts';
import { saturation } from './saturation.ts';
import { scale } from './scale.ts';
import { sharpness } from './sharpness.ts';
import { shear } from './shear.ts';
import { autocontrast, equalize } from './stretch.ts';
import { translation } from './translation.ts';

export const operations: readonly Operation[] = [
  resizedCrop,
  flipX,
  flipY,
  rotation,
  shear,
  scale,
  translation,
  perspective,
  brightness,
  contrast,
  saturation,
  hue,
  posterize,
  solarize,
  equalize,
  autocontrast,
  invert,
  sharpness,
  blur,
  grain,
  jpeg,
  erasing,
];

const byId = new Map(operations.map((operation) => [operation.id, operation]));

/** Throws if there is no operation with this id. */
export function operationOf(id: string): Operation {
  const operation = byId.get(id);
  if (!operation) throw new Error(`There is no operation ‘${id}’.`);
  return operation;
}

export type { Operation } from './operation.ts';
