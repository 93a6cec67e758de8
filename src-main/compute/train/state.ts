/**
 * The state of a training: network, optimizer, moving average, best weights, history, and training dynamics. It is saved as a checkpoint after each epoch. A
 * killed run resumes from its last epoch, and its result is bit-identical to an uninterrupted one: all random numbers depend only on (seed, epoch) or (seed,
 * step), not on how often a generator was called before.
 */
import type { Epoch } from '../../contract/types.ts';
import type { Architecture, Network, NetworkValues } from '../models/network.ts';
import { readTensors, writeTensors } from '../tensor-file.ts';
import { Average } from './average.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
import { byLayer } from './optimizers/by-layer.ts';
import { startOptimizer } from './optimizers/index.ts';

interface Header {
  fingerprint: string;
  epoch: number;
  step: number;
  optimizerSteps: number;
  history: Epoch[];
  best: { epoch: number; loss: number } | null;
  stop: boolean;
  mostAtOnce: number;
  batch: number;
  averageSteps: number | null;
}

/** Further data of a training that is saved in the checkpoint and restored from it. */
export interface CheckpointPart {
  read(): Record<string, Float32Array>;
  write(arrays: Record<string, Float32Array>): void;
}

export class TrainState<A extends Architecture = Architecture> {
  /** Number of finished epochs. */
  epoch = 0;
  /** Number of finished steps, over all epochs. */
  step = 0;
  history: Epoch[] = [];
  best: (NetworkValues & { epoch: number; loss: number }) | undefined;
  stop = false;
  /** Images per step; 0 until it is known. */
  batch = 0;
  /** Maximum number of images per pass; it is reduced when memory runs out. */
  mostAtOnce = Number.MAX_SAFE_INTEGER;
  resumedFrom: number | null = null;
  readonly network: Network<A>;
  readonly optimizer: Optimizer;
  readonly kept: CheckpointPart | undefined;
  /** Moving averages of the weights and of the moving statistics, if requested. */
  readonly #averages: [Average, Average] | undefined;
  #startedAt = performance.now();
  #images = 0;
  #waitedMs = 0;

  /** `average`: decay of the moving average of weights, 0 for none. `rateFactors`: factor of the learning rate for each weight (`by-layer.ts`). */
  constructor(
    network: Network<A>,
    {
      optimizer = { id: 'adamw', params: { weightDecay: 0 } },
      average = 0,
      kept,
      rateFactors,
    }: {
      optimizer?: { id: string; params: Record<string, unknown> };
      average?: number;
      kept?: CheckpointPart;
      rateFactors?: Float32Array;
    } = {},
  ) {
    this.network = network;
    const own = startOptimizer(optimizer.id, optimizer.params, network.parameters, network.kernels);
    this.optimizer = rateFactors ? byLayer(own, rateFactors) : own;
    this.kept = kept;
    this.#averages =
      average > 0 ? [new Average(network.weights, average), new Average(network.statistics, average)] : undefined;
  }

  /** Updates the averages, if requested. Call it after each step. */
  takeAverage(): void {
    this.#averages?.[0].take(this.network.weights);
    this.#averages?.[1].take(this.network.statistics);
  }

  /** Calls `work` while the network has the averaged weights, or without averaging its own weights. */
  async averaged<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#averages) return work();
    const [weights, statistics] = this.#averages;
    const swap = (): void => {
      weights.swap(this.network.weights);
      statistics.swap(this.network.statistics);
      this.network.thaw();
    };
    swap();
    try {
      return await work();
    } finally {
      swap();
    }
  }

  /** Sets the total time of waiting for data. */
  waited(ms: number): void {
    this.#waitedMs = ms;
  }

  /** Adds to the number of images that were trained on. */
  count(images: number): void {
    this.#images += images;
  }

  /** Time and number of images in this process; the time before a resume is in the history. `waiting`: fraction of the time spent waiting for data. */
  clock(): { seconds: number; images: number; waiting: number } {
    const ms = performance.now() - this.#startedAt;
    return { seconds: ms / 1000, images: this.#images, waiting: this.#waitedMs / Math.max(1e-6, ms) };
  }

  /** Writes the checkpoint. `fingerprint`: identifies the training (`load`). */
  async save(file: string, fingerprint: string): Promise<void> {
    const { steps: optimizerSteps, slots } = await this.optimizer.read();
    const header: Header = {
      fingerprint,
      epoch: this.epoch,
      step: this.step,
      optimizerSteps,
      history: this.history,
      best: this.best ? { epoch: this.best.epoch, loss: this.best.loss } : null,
      stop: this.stop,
      mostAtOnce: this.mostAtOnce,
      batch: this.batch,
      averageSteps: null,
    };
    const average: Record<string, Float32Array> = {};
    if (this.#averages) {
      const [weights, statistics] = [await this.#averages[0].read(), await this.#averages[1].read()];
      header.averageSteps = weights.steps;
      Object.assign(average, { averageWeights: weights.mean, averageStatistics: statistics.mean });
    }
    const best = this.best && { bestWeights: this.best.weights, bestStatistics: this.best.statistics };
    writeTensors(file, {
      header,
      arrays: {
        ...(await this.network.read()),
        ...prefixed('optimizer/', slots),
        ...prefixed('kept/', this.kept?.read() ?? {}),
        ...average,
        ...best,
      },
    });
  }

  /** Restores a checkpoint. False if there is none or its fingerprint differs. */
  load(file: string, fingerprint: string): boolean {
    const saved = readTensors<Header>(file);
    if (!saved || saved.header.fingerprint !== fingerprint) return false;
    const { header, arrays } = saved;
    this.network.write({ weights: arrays.weights, statistics: arrays.statistics });
    this.optimizer.write({ steps: header.optimizerSteps, slots: unprefixed('optimizer/', arrays) });
    this.kept?.write(unprefixed('kept/', arrays));
    if (this.#averages && header.averageSteps !== null) {
      this.#averages[0].write({ steps: header.averageSteps, mean: arrays.averageWeights });
      this.#averages[1].write({ steps: header.averageSteps, mean: arrays.averageStatistics });
    }
    this.best = header.best
      ? { ...header.best, weights: arrays.bestWeights, statistics: arrays.bestStatistics }
      : undefined;
    const { epoch, step, stop, mostAtOnce, batch } = header;
    // Checkpoints of earlier versions have no `valLoss` if there were no validation images.
    const history = header.history.map((one) => ({ ...one, valLoss: one.valLoss ?? null }));
    Object.assign(this, { epoch, step, history, stop, mostAtOnce, batch, resumedFrom: epoch });
    return true;
  }

  /** Does not dispose of the network. */
  dispose(): void {
    this.optimizer.dispose();
    this.#averages?.forEach((average) => average.dispose());
  }
}

type Arrays = Record<string, Float32Array>;
const prefixed = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, values]) => [prefix + name, values]));
const unprefixed = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(
    Object.entries(arrays).flatMap(([name, values]) =>
      name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [],
    ),
  );
