/**
 * Where a training stands: network, optimizer, epochs done, history, best weights so far. Saved whole after each epoch, so that a
 * run killed at any moment goes on from its last epoch and ends bit for bit as if it had not been: everything random is drawn from
 * (seed, epoch) or (seed, step), nothing from how often a generator was called before.
 */
import type { Autoencoder, Network, NetworkValues } from '../models/network.ts';
import type { Epoch } from '../protocol.ts';
import { readTensors, writeTensors } from '../tensor-file.ts';
import type { Optimizer } from './optimizers/optimizer.ts';
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
}

export class TrainState {
  /** Epochs done. */
  epoch = 0;
  /** Steps done, over all epochs. */
  step = 0;
  history: Epoch[] = [];
  best: (NetworkValues & { epoch: number; loss: number }) | undefined;
  stop = false;
  /** Images a step; 0 until it is known. */
  batch = 0;
  /** Images at once at most, once memory has run out. */
  mostAtOnce = Number.MAX_SAFE_INTEGER;
  resumedFrom: number | null = null;
  readonly network: Network<Autoencoder>;
  readonly optimizer: Optimizer;
  #began = performance.now();
  #images = 0;
  #waitedMs = 0;

  constructor(network: Network<Autoencoder>, optimizer: { id: string; params: Record<string, unknown> } = { id: 'adamw', params: { weightDecay: 0 } }) {
    this.network = network;
    this.optimizer = startOptimizer(optimizer.id, optimizer.params, network.parameters, network.kernels);
  }

  /** So long has been waited for data, all in all. */
  waited(ms: number): void {
    this.#waitedMs = ms;
  }

  count(images: number): void {
    this.#images += images;
  }

  /** Of this process; what ran before a resume is in the history. `waiting`: the share of the time that went by waiting for data. */
  clock(): { seconds: number; images: number; waiting: number } {
    const ms = performance.now() - this.#began;
    return { seconds: ms / 1000, images: this.#images, waiting: this.#waitedMs / Math.max(1e-6, ms) };
  }

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
    };
    const best = this.best && { bestWeights: this.best.weights, bestStatistics: this.best.statistics };
    writeTensors(file, { header, arrays: { ...(await this.network.read()), ...prefixed(slots), ...best } });
  }

  /** False where there is no checkpoint, or it is of another run. */
  load(file: string, fingerprint: string): boolean {
    const saved = readTensors<Header>(file);
    if (!saved || saved.header.fingerprint !== fingerprint) return false;
    const { header, arrays } = saved;
    this.network.write({ weights: arrays.weights, statistics: arrays.statistics });
    this.optimizer.write({ steps: header.optimizerSteps, slots: unprefixed(arrays) });
    this.best = header.best ? { ...header.best, weights: arrays.bestWeights, statistics: arrays.bestStatistics } : undefined;
    const { epoch, step, history, stop, mostAtOnce, batch } = header;
    Object.assign(this, { epoch, step, history, stop, mostAtOnce, batch, resumedFrom: epoch });
    return true;
  }

  /** The network stays. */
  dispose(): void {
    this.optimizer.dispose();
  }
}

const prefix = 'optimizer/';
const prefixed = (slots: Record<string, Float32Array>): Record<string, Float32Array> => Object.fromEntries(Object.entries(slots).map(([name, values]) => [prefix + name, values]));
const unprefixed = (arrays: Record<string, Float32Array>): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(arrays).flatMap(([name, values]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), values]] : [])));
