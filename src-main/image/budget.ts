/**
 * A weighted semaphore that limits the memory for images in flight. Most formats are decoded as a stream, but a progressive JPEG, an interlaced PNG, a WebP or an
 * AVIF is in memory as a whole, and a few large ones would take gigabytes. So pixels (and bytes of files) in flight are counted, and work that would exceed the
 * budget waits in a queue.
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

  /** Must be called before the first `hold`. */
  resize(size: number) {
    this.#size = size;
  }

  /** Runs `work` when the budget has `amount` left. Work larger than the whole budget runs alone. */
  async hold<Result>(amount: number, work: () => Promise<Result>): Promise<Result> {
    const mine = Math.min(amount, this.#size);
    // First come, first served: otherwise a large one might wait forever.
    if (this.#waiting.length || this.#taken + mine > this.#size)
      await new Promise<void>((go) => this.#waiting.push({ amount: mine, go }));
    else this.#taken += mine;
    try {
      return await work();
    } finally {
      this.#taken -= mine;
      while (this.#waiting.length && this.#taken + this.#waiting[0].amount <= this.#size) {
        const next = this.#waiting.shift() as Waiting;
        this.#taken += next.amount; // reserved now, before other work can take it
        next.go();
      }
    }
  }
}

/** In pixels, for all processes together. */
export const pixelBudgetSize = 150_000_000;
/** In bytes of files that are read at the same time. */
export const byteBudgetSize = 256 * 2 ** 20;

/** The budget of this process for images being decoded. */
export const pixelBudget = new Budget(pixelBudgetSize);
