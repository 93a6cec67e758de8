/** How scorers read the images of a run, in blocks: one reader for each kind of inputs. */
import type { Tensor4D } from '@tensorflow/tfjs';
import type { ScorerInputs } from '../../contract/types.ts';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, Pixels, range } from '../pixels.ts';
import { patchMapsAt, type Grid, type PatchLayout } from '../../rows/patch-rows.ts';
import { RowReader } from '../../rows/row-reader.ts';
import { widthOf, type RowSet, type RowType } from '../../rows/row-set.ts';
import type { Images, Scorer } from './scorer.ts';

/** Embeddings by position in the set. */
export class Embeddings extends RowReader {
  /** Numbers per embedding. */
  get size(): number {
    return this.set.shape[0];
  }
}

/** Features of the patches of images by position in the set. */
export class Patches extends RowReader {
  get layout(): PatchLayout {
    if (!this.set.layout) throw new Error(`The rows in ${this.set.file} have no layout of patches.`);
    return this.set.layout;
  }
  /** Numbers per patch, over all stages. */
  get channels(): number {
    return this.layout.stages.reduce((sum, { channels }) => sum + channels, 0);
  }
  /** Yields the images at these positions in order, in blocks of one grid. A block is disposed of when the next one is read. */
  *upload(positions: Int32Array): Generator<PatchBlock> {
    const { layout } = this;
    const length = widthOf(this.set);
    for (let at = 0; at < positions.length; at += blockPatches) {
      const here = positions.subarray(at, at + blockPatches);
      const values = this.readFloats(here);
      for (let from = 0; from < here.length;) {
        const grid = gridAt(values, from * length);
        let count = 1;
        while (from + count < here.length && isEqual(gridAt(values, (from + count) * length), grid)) count++;
        const maps = patchMapsAt(layout, grid).map((start, stage) => {
          const { step, channels } = layout.stages[stage];
          const shape: [number, number, number, number] = [count, grid.rows / step, grid.columns / step, channels];
          const size = shape[1] * shape[2] * channels;
          const out = new Float32Array(count * size);
          for (let i = 0; i < count; i++)
            out.set(values.subarray((from + i) * length + start, (from + i) * length + start + size), i * size);
          return tf.tensor4d(out, shape);
        });
        try {
          yield { positions: here.subarray(from, from + count), grid, maps };
        } finally {
          tf.dispose(maps);
        }
        from += count;
      }
    }
  }
  /** The grid of each image. */
  *grids(positions: Int32Array): Generator<Grid> {
    const starts = this.readStarts(positions, 2);
    for (let i = 0; i < positions.length; i++) yield gridAt(starts, 2 * i);
  }
}

/** The features of the patches of images, and their embeddings. */
export class Features extends Patches {
  readonly embeddings: Embeddings;
  constructor(set: RowSet) {
    super(set);
    if (!set.beside) throw new Error(`The rows in ${set.file} have no embeddings beside them.`);
    this.embeddings = new Embeddings(set.beside);
  }
  /** As `upload`, with the embeddings. */
  *blocksOf(positions: Int32Array): Generator<FeatureBlock> {
    for (const block of this.upload(positions)) yield { ...block, codes: this.embeddings.readFloats(block.positions) };
  }
  override close(): void {
    super.close();
    this.embeddings.close();
  }
}

export interface FeatureBlock extends PatchBlock {
  codes: Float32Array; // [B, size]
}

/** Images of one grid: their maps by stage, [B, rows / step, columns / step, channels]. */
export interface PatchBlock {
  positions: Int32Array;
  grid: Grid;
  maps: Tensor4D[];
}

const gridAt = (values: Float32Array, at: number): Grid => ({ rows: values[at], columns: values[at + 1] });
const isEqual = (a: Grid, b: Grid): boolean => a.rows === b.rows && a.columns === b.columns;

/** Embeddings per block: few, so that progress is visible and a cancel is quick. */
const blockEmbeddings = 512;
/** Images per block of patches: about 14 MB in the file. */
export const blockPatches = 16;

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
        for (const block of reader.upload(range(0, reader.count))) await work(block, block.positions);
      },
      close: () => reader.close(),
    };
  },
  features(set) {
    const reader = new Features(set);
    return {
      reader,
      async forEachBlock(work) {
        for (const block of reader.blocksOf(range(0, reader.count))) await work(block, block.positions);
      },
      close: () => reader.close(),
    };
  },
};

/** The element type of the rows tells the kind of inputs. */
const kinds: Record<RowType, ScorerInputs> = { uint8: 'pixels', float16: 'patches', float32: 'embeddings' };
const kindOf = ({ type, beside }: RowSet): ScorerInputs => (beside ? 'features' : kinds[type]);

/** Opens a row set for a scorer. Throws BadParameters if the kind or the size of the rows does not match the scorer. */
export function openImages(scorer: Scorer, params: Record<string, unknown>, set: RowSet): OpenImages<ScorerInputs> {
  const kind = kindOf(set);
  if (kind !== scorer.inputs) throw new BadParameters(`${scorer.title} takes ${scorer.inputs}, and these are ${kind}.`);
  const sizePx = scorer.sizePx(params);
  if (kind === 'pixels' && sizePx !== set.shape[0])
    throw new BadParameters(`The run's model takes images of ${sizePx} px, and these have ${set.shape[0]} px.`);
  return openers[kind](set) as OpenImages<ScorerInputs>;
}
