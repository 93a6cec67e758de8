/** Images decoded from codes of an autoencoder: between two images, near one, along principal directions, or with numbers of the code changed. */
import type { Tensor2D } from '@tensorflow/tfjs';
import type { Decoded } from '../../contract/inside.ts';
import type { RowSet } from '../../rows/row-set.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { defineCall, type CallContext } from '../call.ts';
import { pace } from '../pace.ts';
import { Pixels } from '../pixels.ts';
import { fillNormal, random } from '../random.ts';
import { readBack } from '../read-back.ts';
import {
  codeLayersOf,
  codeSpaceOf,
  decoded,
  directionsFor,
  encoded,
  imagesFor,
  type CodeLayers,
  type CodeSpace,
} from './code-space.ts';
import { withSubject, type OpenSubject, type SubjectImage, type SubjectRef } from './subject.ts';

export interface DecodeArgs {
  subject: SubjectRef;
  of:
    | { kind: 'line'; count: number }
    | { kind: 'around'; count: number; seed: number }
    | { kind: 'direction'; direction: number; count: number }
    | { kind: 'code'; numbers: Readonly<Record<string, number>> };
  /** Two images for a line, else one. */
  images: readonly SubjectImage[];
  /** Images of the folder, whose codes give the principal directions. */
  folder: RowSet;
}

export interface DecodeResult {
  header: Decoded;
  images: Uint8Array; // [count, sizePx, sizePx, 3]
}

/** The noise of `around`, in standard deviations along each direction. */
const nearby = 0.5;
/** The ends of a direction. */
const farthest = 3;

/** Throws BadParameters with a reason, and Cancelled after a cancel. */
export const decode = defineCall({
  run: (
    { subject: ref, of, images, folder }: DecodeArgs,
    { signal, onEvent }: CallContext<{ done: number; total: number }>,
  ): Promise<DecodeResult> =>
    withSubject(ref, async (subject) => {
      const layers = codeLayersOf(subject);
      // A line needs no directions, and short codes are fast.
      const space =
        of.kind === 'line' && !layers.isShort
          ? null
          : await knownSpace(ref, subject, layers, folder, signal, (done, total) => onEvent({ done, total }));
      const { shares, moves, labels } = planOf(of, layers, space);
      const x = subject.input(images);
      const own = encoded(subject, layers, x);
      x.dispose();
      let states: Tensor2D[] = [];
      try {
        states = tf.tidy(() =>
          own.map((state, i) => {
            const base: Tensor2D = tf.matMul(tf.tensor2d(shares), state);
            if (!space || !moves[0]?.length) return base;
            const steps = tf.tensor2d(space.steps[i], [space.directions, state.shape[1]]);
            return tf.add(base, tf.matMul(tf.tensor2d(moves), steps)) as Tensor2D;
          }),
        );
        const size = states[0].shape[1];
        let codes = layers.isShort ? await readBack(states[0].clone()) : null;
        if (codes && of.kind === 'code') {
          codes = replaced(codes, of.numbers);
          states[0].dispose();
          states[0] = tf.tensor2d(codes, [labels.length, size]);
        }
        const bytes = await readBack(
          tf.tidy(() => tf.mul(tf.clipByValue(decoded(subject, layers, states), 0, 1), 255)),
        );
        const skips = layers.all.slice(1).map(({ name }) => name);
        return {
          header: {
            sizePx: subject.inputSides[0],
            count: labels.length,
            codes: codes ? labels.map((_, i) => [...codes.subarray(i * size, (i + 1) * size)]) : [],
            ranges: space?.ranges ?? [],
            directions: space?.directions ?? directionsFor(layers, imagesFor(layers, folder.rows.length)),
            labels,
            note: skips.length
              ? `The decoder also reads maps of the encoder (${skips.join(', ')}). They are ${of.kind === 'line' ? 'mixed in the same way' : 'changed by what accompanies the change of the code in the images of the folder'}.`
              : null,
          },
          images: Uint8Array.from(bytes, Math.round),
        };
      } finally {
        tf.dispose([...own, ...states]);
      }
    }),
});

interface Plan {
  /** Shares of the given images, [count, images]. */
  shares: number[][];
  /** Deviations along each direction, [count, directions]. */
  moves: number[][];
  labels: string[];
}

function planOf(of: DecodeArgs['of'], { isShort }: CodeLayers, space: CodeSpace | null): Plan {
  const directions = space?.directions ?? 0;
  const still = (): number[] => new Array<number>(directions).fill(0);
  if (of.kind === 'line') {
    const shares = Array.from({ length: of.count }, (_, i) => i / (of.count - 1));
    return {
      shares: shares.map((share) => [1 - share, share]),
      moves: shares.map(still),
      labels: shares.map((share) => `${Math.round(100 * share)} %`),
    };
  }
  if (of.kind === 'code') {
    const moves = still();
    if (!isShort)
      for (const [name, value] of Object.entries(of.numbers)) {
        requireNumber(name, directions, 'direction');
        moves[Number(name)] = value;
      }
    return { shares: [[1]], moves: [moves], labels: ['changed'] };
  }
  if (!directions)
    throw new BadParameters('The codes of the folder’s images do not differ, so there are no directions to follow.');
  const ones = Array.from({ length: of.count }, () => [1]);
  if (of.kind === 'around') {
    const noise = fillNormal(new Float64Array(of.count * directions), random('around', of.seed), nearby);
    return {
      shares: ones,
      moves: ones.map((_, i) => [...noise.subarray(i * directions, (i + 1) * directions)]),
      labels: ones.map((_, i) => `${i + 1}`),
    };
  }
  requireNumber(`${of.direction}`, directions, 'direction');
  const offsets = ones.map((_, i) => farthest * ((2 * i) / (of.count - 1) - 1));
  return {
    shares: ones,
    moves: offsets.map((offset) => still().with(of.direction, offset)),
    labels: offsets.map((offset) => {
      const rounded = Math.round(10 * Math.abs(offset)) / 10;
      return rounded === 0 ? 'the image' : `${offset > 0 ? '+' : '−'}${rounded} σ`;
    }),
  };
}

function replaced(codes: Float32Array, numbers: Readonly<Record<string, number>>): Float32Array {
  const out = codes.slice();
  for (const [name, value] of Object.entries(numbers)) {
    requireNumber(name, out.length, 'number');
    out[Number(name)] = value;
  }
  return out;
}

function requireNumber(name: string, count: number, what: string): void {
  if (!/^\d+$/.test(name) || Number(name) >= count)
    throw new BadParameters(`The code has the ${what}s 0 to ${count - 1}, but no ${what} ‘${name}’.`);
}

/** The spaces that were used last: a slider asks again and again. */
const known = new Map<string, CodeSpace>();
const mostKnown = 2;

async function knownSpace(
  ref: SubjectRef,
  subject: OpenSubject,
  layers: CodeLayers,
  folder: RowSet,
  signal: AbortSignal,
  onProgress: (done: number, total: number) => void,
): Promise<CodeSpace> {
  const key = JSON.stringify([ref, folder.file, folder.sha256 ?? [...folder.rows]]);
  let space = known.get(key);
  if (!space) {
    const pixels = new Pixels(folder);
    try {
      space = await codeSpaceOf(subject, layers, pixels, onProgress, pace(signal));
    } finally {
      pixels.close();
    }
  }
  known.delete(key);
  known.set(key, space);
  for (const old of known.keys()) if (known.size > mostKnown) known.delete(old);
  return space;
}
