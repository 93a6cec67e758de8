/**
 * Leaves out patches that may be defects, before a memory bank is made of them (SoftPatch; Jiang et al. 2022): those with the largest local outlier factor (Breunig et al.
 * 2000), which lie in a less dense neighbourhood than their neighbours do.
 */
import { indexRows } from '../embed/neighbours.ts';

/** The neighbours by which the density around a patch is measured (SoftPatch). */
const neighbours = 6;
/** So many of the nearest patches are looked at: those of the same image do not count, since the patches of one defect resemble each other. */
const candidates = 30;
/** The most patches that may be neighbours; they are taken at equal distances. */
const mostReferences = 4000;

/**
 * The local outlier factor of each row of `values` [rows, size]: about 1 in a region of even density, more for a row with few near ones. `owners`: the image of each row;
 * rows of one image are no neighbours of each other. Throws Cancelled after a cancel.
 */
export async function outlierFactors(
  values: Float32Array,
  size: number,
  owners: ArrayLike<number>,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number) => void = () => undefined,
): Promise<Float64Array> {
  const count = owners.length;
  const stride = Math.ceil(count / mostReferences);
  const references = Array.from({ length: Math.ceil(count / stride) }, (_, i) => i * stride);
  const index = indexRows(stride === 1 ? values : pickRows(values, size, references), size);
  const near: { indices: number[]; distances: number[] }[] = [];
  try {
    const found = await index.nearest(values, candidates, yieldToEventLoop, onDone);
    for (let row = 0; row < count; row++) {
      const own: (typeof near)[number] = { indices: [], distances: [] };
      for (let j = row * found.k; j < (row + 1) * found.k && own.indices.length < neighbours; j++) {
        const other = references[found.indices[j]];
        if (owners[other] === owners[row]) continue;
        own.indices.push(other);
        own.distances.push(found.distances[j]);
      }
      // All candidates are of the same image: it resembles no other image.
      if (!own.indices.length) own.distances.push(found.distances[(row + 1) * found.k - 1]);
      near.push(own);
    }
  } finally {
    index.dispose();
  }
  const reach = near.map(({ distances }) => distances[distances.length - 1]);
  const sparsity = Float64Array.from(near, ({ indices, distances }) => {
    if (!indices.length) return distances[0];
    let sum = 0;
    indices.forEach((other, j) => (sum += Math.max(distances[j], reach[other])));
    return sum / indices.length;
  });
  return Float64Array.from(near, ({ indices }, row) => {
    if (!indices.length) return Infinity;
    let sum = 0;
    for (const other of indices) sum += 1 / Math.max(1e-9, sparsity[other]);
    return (sum / indices.length) * Math.max(1e-9, sparsity[row]);
  });
}

export interface Trimmed {
  /** The rows that are left, ascending. */
  kept: Int32Array;
  /** For each image the fraction of its patches that was left out. */
  lost: ReadonlyMap<number, number>;
}

/** Leaves out this fraction of the patches `values` [patches, size], those with the largest factors. `owners`: the image of each. */
export async function trimPatches(
  values: Float32Array,
  size: number,
  owners: Int32Array,
  share: number,
  yieldToEventLoop: () => Promise<void>,
  onDone: (done: number, total: number) => void,
): Promise<Trimmed> {
  const factors = await outlierFactors(values, size, owners, yieldToEventLoop, (done) => onDone(done, owners.length));
  const order = Int32Array.from(owners.keys()).sort((a, b) => factors[a] - factors[b]);
  const kept = order.slice(0, Math.max(1, Math.round((1 - share) * order.length))).sort();
  const [all, left] = [owners, kept.map((row) => owners[row])].map(countsOf);
  return { kept, lost: new Map(Array.from(all, ([owner, count]) => [owner, 1 - (left.get(owner) ?? 0) / count])) };
}

/** The rows of `values` [n, size] at these places. */
export function pickRows<T extends Float32Array | Int32Array>(values: T, size: number, rows: ArrayLike<number>): T {
  const out = new (values.constructor as new (length: number) => T)(rows.length * size);
  for (let i = 0; i < rows.length; i++) out.set(values.subarray(rows[i] * size, (rows[i] + 1) * size), i * size);
  return out;
}

function countsOf(owners: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return counts;
}
