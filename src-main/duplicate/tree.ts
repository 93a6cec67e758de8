/**
 * A k-d tree (Bentley 1975) that finds all points within a radius. Nodes are split along the axis of largest variance. A query visits the nearer half first, and the
 * other half only if its box is within the radius (incremental distances, Arya and Mount 1993). A query stops after `most` points.
 */
const leafSize = 12;

export class Tree {
  readonly #points: Float32Array; // [n, dimensions]
  readonly #dimensions: number;
  readonly #order: Int32Array; // rows, leaf by leaf
  // A node is a range of #order; an inner node has a split.
  readonly #axis: number[] = [];
  readonly #plane: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  readonly #away: Float64Array;
  #looked = 0;

  private constructor(points: Float32Array, dimensions: number, rows: Int32Array) {
    this.#points = points;
    this.#dimensions = dimensions;
    this.#order = Int32Array.from(rows);
    this.#away = new Float64Array(dimensions);
  }

  /** `rows`: the points to index. `yieldToEventLoop` is called between splits. */
  static async of(
    points: Float32Array,
    dimensions: number,
    rows: Int32Array,
    yieldToEventLoop: () => Promise<void> | undefined,
  ): Promise<Tree> {
    const tree = new Tree(points, dimensions, rows);
    const open = [tree.#add(0, rows.length)];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      const middle = tree.#split(node);
      if (middle < 0) continue;
      tree.#left[node] = tree.#add(tree.#from[node], middle);
      tree.#right[node] = tree.#add(middle, tree.#to[node]);
      open.push(tree.#right[node], tree.#left[node]);
      const pause = yieldToEventLoop();
      if (pause) await pause;
    }
    return tree;
  }

  #add(from: number, to: number): number {
    this.#from.push(from);
    this.#to.push(to);
    this.#plane.push(0);
    this.#left.push(-1);
    this.#right.push(-1);
    return this.#axis.push(-1) - 1;
  }

  /** Moves the lower half of the node's rows to the front; returns where the upper half starts, or −1 for a leaf. */
  #split(node: number): number {
    const [from, to] = [this.#from[node], this.#to[node]];
    if (to - from <= leafSize) return -1;
    const axis = this.#widest(from, to);
    if (axis < 0) return -1; // all points are equal
    const values = Float32Array.from(
      this.#order.subarray(from, to),
      (row) => this.#points[row * this.#dimensions + axis],
    );
    const middle = (to - from) >> 1;
    const plane = values.toSorted()[middle];
    const rows = this.#order.slice(from, to);
    let below = 0;
    for (const value of values) if (value < plane) below++;
    let ties = middle - below; // this many points on the plane go below, to balance the halves
    let low = from;
    let high = from + middle;
    rows.forEach((row, i) => {
      const isLow = values[i] < plane || (values[i] === plane && ties-- > 0);
      this.#order[isLow ? low++ : high++] = row;
    });
    this.#axis[node] = axis;
    this.#plane[node] = plane;
    return low;
  }

  /** The coordinate of largest variance, from at most 200 of the rows. */
  #widest(from: number, to: number): number {
    const step = Math.max(1, Math.floor((to - from) / 200));
    let best = -1;
    let most = 1e-9;
    for (let k = 0; k < this.#dimensions; k++) {
      let sum = 0;
      let squares = 0;
      let count = 0;
      for (let i = from; i < to; i += step) {
        const value = this.#points[this.#order[i] * this.#dimensions + k];
        sum += value;
        squares += value * value;
        count++;
      }
      const variance = squares / count - (sum / count) ** 2;
      if (variance > most) {
        most = variance;
        best = k;
      }
    }
    return best;
  }

  /** Calls `found` with each row closer than `reach` (and within `step` along every split axis) and its squared distance, until `most` points are visited. */
  near(
    query: Float32Array,
    reach: number,
    step: number,
    most: number,
    found: (row: number, squared: number) => void,
  ): void {
    if (!this.#order.length) return;
    this.#looked = 0;
    this.#away.fill(0);
    this.#visit(0, query, 0, reach * reach, step, most, found);
  }

  /** `distance`: squared distance from the query to this node's box. #away: the distance along each axis. */
  #visit(
    node: number,
    query: Float32Array,
    distance: number,
    reach: number,
    step: number,
    most: number,
    found: (row: number, squared: number) => void,
  ): void {
    if (this.#looked > most) return;
    const axis = this.#axis[node];
    if (axis >= 0) {
      const from = query[axis] - this.#plane[node];
      this.#visit(from < 0 ? this.#left[node] : this.#right[node], query, distance, reach, step, most, found);
      if (from > step || from < -step) return;
      const before = this.#away[axis];
      const further = distance - before * before + from * from;
      if (further >= reach) return;
      this.#away[axis] = from;
      this.#visit(from < 0 ? this.#right[node] : this.#left[node], query, further, reach, step, most, found);
      this.#away[axis] = before;
      return;
    }
    const to = this.#to[node];
    const dimensions = this.#dimensions;
    const points = this.#points;
    this.#looked += to - this.#from[node];
    for (let i = this.#from[node]; i < to; i++) {
      const row = this.#order[i];
      let at = row * dimensions;
      let squared = 0;
      for (let k = 0; k < dimensions && squared < reach; k++, at++) {
        const d = query[k] - points[at];
        squared += d * d;
      }
      if (squared < reach) found(row, squared);
    }
  }
}
