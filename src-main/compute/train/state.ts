/**
 * Where a training stands: network, optimizer, epochs done, history, best weights so far. Saved whole after each epoch, so that a
 * run killed at any moment goes on from its last epoch and ends bit for bit as if it had not been: everything random is drawn from
 * (seed, epoch) or (seed, step), nothing from how often a generator was called before.
 */
import type { Autoencoder, Network, NetworkValues } from '../models/network.ts';
import type { Epoch } from '../protocol.ts';
import { readTensors, writeTensors } from '../tensor-file.ts';
import { Adam } from './adam.ts';

interface Header {
  fingerprint: string;
  epoch: number;
  step: number;
  optimizerSteps: number;
  history: Epoch[];
  best: { epoch: number; loss: number } | null;
  stop: boolean;
  mostAtOnce: number;
}

export class TrainState {
  /** Epochs done. */
  epoch = 0;
  /** Steps done, over all epochs. */
  step = 0;
  history: Epoch[] = [];
  best: (NetworkValues & { epoch: number; loss: number }) | undefined;
  stop = false;
  /** Images a step at most, once memory has run out. */
  mostAtOnce = Number.MAX_SAFE_INTEGER;
  resumedFrom: number | null = null;
  readonly network: Network<Autoencoder>;
  readonly optimizer: Adam;
  #began = performance.now();
  #images = 0;

  constructor(network: Network<Autoencoder>) {
    this.network = network;
    this.optimizer = new Adam(network.parameters);
  }

  count(images: number): void {
    this.#images += images;
  }

  /** Of this process; what ran before a resume is in the history. */
  clock(): { seconds: number; images: number } {
    return { seconds: (performance.now() - this.#began) / 1000, images: this.#images };
  }

  async save(file: string, fingerprint: string): Promise<void> {
    const { steps: optimizerSteps, mean, square } = this.optimizer.read();
    const header: Header = {
      fingerprint,
      epoch: this.epoch,
      step: this.step,
      optimizerSteps,
      history: this.history,
      best: this.best ? { epoch: this.best.epoch, loss: this.best.loss } : null,
      stop: this.stop,
      mostAtOnce: this.mostAtOnce,
    };
    const best = this.best && { bestWeights: this.best.weights, bestStatistics: this.best.statistics };
    writeTensors(file, { header, arrays: { ...(await this.network.read()), mean, square, ...best } });
  }

  /** False where there is no checkpoint, or it is of another run. */
  load(file: string, fingerprint: string): boolean {
    const saved = readTensors<Header>(file);
    if (!saved || saved.header.fingerprint !== fingerprint) return false;
    const { header, arrays } = saved;
    this.network.write({ weights: arrays.weights, statistics: arrays.statistics });
    this.optimizer.write({ steps: header.optimizerSteps, mean: arrays.mean, square: arrays.square });
    this.best = header.best ? { ...header.best, weights: arrays.bestWeights, statistics: arrays.bestStatistics } : undefined;
    const { epoch, step, history, stop, mostAtOnce } = header;
    Object.assign(this, { epoch, step, history, stop, mostAtOnce, resumedFrom: epoch });
    return true;
  }

  /** The network stays. */
  dispose(): void {
    this.optimizer.dispose();
  }
}
