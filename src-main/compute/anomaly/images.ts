/** How scorers read the images of a run, in blocks: one reader for each kind of inputs. */
import type { Tensor4D } from '@tensorflow/tfjs';
import type { ScorerInputs } from '../../contract/types.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, Pixels } from '../pixels.ts';
import { RowReader } from '../../rows/row-reader.ts';
import type { RowSet, RowType } from '../../rows/row-set.ts';
import type { Images, Scorer } from './scorer.ts';

/** Embeddings by position in the set. */
export class Embeddings extends RowReader {
  /** Numbers per embedding. */
  get size(): number {
    return this.set.shape[0];
  }
}

/** Features of the patches of an image by position in the set: [side, side, channels]. */
export class Patches extends RowReader {
  /** Patches per row and per column of an image. */
  get side(): number {
    return this.set.shape[0];
  }
  /** Numbers per patch. */
  get channels(): number {
    return this.set.shape[2];
  }
  /** The rows at these positions, [positions, side, side, channels]. The caller disposes of the tensor. */
  upload(positions: Int32Array): Tensor4D {
    return tf.tensor4d(this.readFloats(positions), [positions.length, this.side, this.side, this.channels]);
  }
}

/** Embeddings per block: few, so that progress is visible and a cancel is quick. */
const blockEmbeddings = 512;
/** Images per block of patches: about 16 MB. */
export const blockPatches = 32;

type Work<I extends ScorerInputs> = (block: Images[I]['block'], positions: Int32Array) => Promise<void>;

export interface OpenImages<I extends ScorerInputs = ScorerInputs> {
  reader: Images[I]['reader'];
  /** Calls `work` with each block in order, and disposes of the block after it. */
  forEachBlock(work: Work<I>): Promise<void>;
  close(): void;
}

const openers: { [I in ScorerInputs]: (set: RowSet) => OpenImages<I> } = {
  pixels(set) {
    const reader = new Pixels(set);
    return {
      reader,
      async forEachBlock(work) {
        for (const positions of reader.blocks(blockOf(reader.sizePx))) {
          const x = uploadPixels(reader.read(positions), positions.length, reader.sizePx);
          try {
            await work(x, positions);
          } finally {
            x.dispose();
          }
        }
      },
      close: () => reader.close(),
    };
  },
  embeddings(set) {
    const reader = new Embeddings(set);
    return {
      reader,
      async forEachBlock(work) {
        for (const positions of reader.blocks(blockEmbeddings)) await work(reader.readFloats(positions), positions);
      },
      close: () => reader.close(),
    };
  },
  patches(set) {
    const reader = new Patches(set);
    return {
      reader,
      async forEachBlock(work) {
        for (const positions of reader.blocks(blockPatches)) {
          const x = reader.upload(positions);
          try {
            await work(x, positions);
          } finally {
            x.dispose();
          }
        }
      },
      close: () => reader.close(),
    };
  },
};

/** The element type of the rows tells the kind of inputs. */
const kindOf: Record<RowType, ScorerInputs> = { uint8: 'pixels', float16: 'patches', float32: 'embeddings' };

/** Opens a row set for a scorer. Throws BadParameters if the kind or the size of the rows does not match the scorer. */
export function openImages(scorer: Scorer, params: Record<string, unknown>, set: RowSet): OpenImages<ScorerInputs> {
  const kind = kindOf[set.type];
  if (kind !== scorer.inputs) throw new BadParameters(`${scorer.title} takes ${scorer.inputs}, and these are ${kind}.`);
  const sizePx = scorer.sizePx(params);
  if (kind === 'pixels' && sizePx !== set.shape[0])
    throw new BadParameters(`The run's model takes images of ${sizePx} px, and these have ${set.shape[0]} px.`);
  return openers[kind](set) as OpenImages<ScorerInputs>;
}
