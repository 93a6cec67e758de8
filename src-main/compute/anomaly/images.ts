/** The images of a run as scorers read them, block by block: one entry for each kind of inputs. */
import type { ScorerInputs } from '../../contract/types.ts';
import { BadParameters } from '../bad-parameters.ts';
import { readEmbeddings } from '../embed/rows.ts';
import { uploadPixels } from '../ops/upload.ts';
import { blockOf, Pixels, range } from '../pixels.ts';
import type { EmbeddingSet, ImageSet, PixelSet } from '../protocol.ts';
import type { Images, Scorer } from './scorer.ts';

/** Embeddings by position in the set. */
export class Embeddings {
  readonly count: number;
  readonly size: number;
  #set: EmbeddingSet;

  constructor(set: EmbeddingSet) {
    this.#set = set;
    this.count = set.rows.length;
    this.size = set.size;
  }

  read(positions: Int32Array): Float32Array {
    return readEmbeddings({ ...this.#set, rows: positions.map((p) => this.#set.rows[p]) }); // [n, size]
  }
}

/** Embeddings at once: few enough for progress to be seen and for a quick cancel. */
const blockEmbeddings = 512;

type Work<I extends ScorerInputs> = (block: Images[I]['block'], positions: Int32Array) => Promise<void>;

export interface OpenImages<I extends ScorerInputs = ScorerInputs> {
  reader: Images[I]['reader'];
  /** Calls `work` with each block in order. A block is disposed of after it. */
  forEachBlock(work: Work<I>): Promise<void>;
  close(): void;
}

const openers: { [I in ScorerInputs]: (set: never) => OpenImages<I> } = {
  pixels(set: PixelSet) {
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
  embeddings(set: EmbeddingSet) {
    const reader = new Embeddings(set);
    return {
      reader,
      async forEachBlock(work) {
        for (let from = 0; from < reader.count; from += blockEmbeddings) {
          const positions = range(from, Math.min(reader.count, from + blockEmbeddings));
          await work(reader.read(positions), positions);
        }
      },
      close: () => undefined,
    };
  },
};

/** Throws BadParameters where the scorer takes other images than these. */
export function openImages(scorer: Scorer, params: Record<string, unknown>, set: ImageSet): OpenImages<ScorerInputs> {
  const kind = 'sizePx' in set ? 'pixels' : 'embeddings';
  if (kind !== scorer.inputs) throw new BadParameters(`${scorer.title} takes ${scorer.inputs}, and these are ${kind}.`);
  const sizePx = scorer.sizePx(params);
  if ('sizePx' in set && sizePx !== set.sizePx)
    throw new BadParameters(`The run's model takes images of ${sizePx} px, and these have ${set.sizePx}.`);
  return openers[kind](set as never) as OpenImages<ScorerInputs>;
}
