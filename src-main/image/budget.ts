/**
 * Budget in memory for images at work. Most formats stream, but a progressive JPEG, an interlaced PNG, a WebP or an AVIF is held whole while it is decoded, and a
 * few large ones at once would add up to gigabytes; so pixels (and the bytes of files) in flight are counted, and who finds no room waits in turn.
 */
interface Waiting {
  amount: number;
  go(): void;
}

export class Budget {
  #size: number;
  #taken = 0;
  #waiting: Waiting[] = [];

  constructor(size: number) {
    this.#size = size;
  }

  /** To be called before there is anything in it. */
  resize(size: number) {
    this.#size = size;
  }

  /** Runs `work` when there is room for `amount`; what is larger than all room runs alone. */
  async hold<Result>(amount: number, work: () => Promise<Result>): Promise<Result> {
    const mine = Math.min(amount, this.#size);
    // Behind those who wait, also where there would be room: else a large one waits for ever.
    if (this.#waiting.length || this.#taken + mine > this.#size)
      await new Promise<void>((go) => this.#waiting.push({ amount: mine, go }));
    else this.#taken += mine;
    try {
      return await work();
    } finally {
      this.#taken -= mine;
      while (this.#waiting.length && this.#taken + this.#waiting[0].amount <= this.#size) {
        const next = this.#waiting.shift() as Waiting;
        this.#taken += next.amount; // taken in its name, before another comes between
        next.go();
      }
    }
  }
}

export const pixelBudgetSize = 150_000_000;
export const byteBudgetSize = 256 * 2 ** 20;

/** Of this process: images being decoded. */
export const pixelBudget = new Budget(pixelBudgetSize);
