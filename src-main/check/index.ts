/** The registry of checks. A new check is one file and one entry here. */
import { animated } from './animated.ts';
import { blurry } from './blurry.ts';
import type { Check } from './check.ts';
import { dark } from './dark.ts';
import { grayscale } from './grayscale.ts';
import { lowInformation } from './low-information.ts';
import { oddAspect } from './odd-aspect.ts';
import { oddSize } from './odd-size.ts';
import { overexposed } from './overexposed.ts';
import { tiny } from './tiny.ts';
import { wrongExtension } from './wrong-extension.ts';

export const checks: readonly Check[] = [
  blurry,
  dark,
  overexposed,
  lowInformation,
  grayscale,
  oddAspect,
  oddSize,
  tiny,
  animated,
  wrongExtension,
];

export type { Check, CheckInput } from './check.ts';
