/**
 * The sanity check of Adebayo et al. (2018): the weights are randomised layer by layer from the top. A map that stays the same does not depend on what the network
 * has learned.
 */
import type { SanityCheck } from '../../contract/inside.ts';
import { resample } from '../../contract/resample.ts';
import { BadParameters } from '../bad-parameters.ts';
import { Network, type NetworkValues } from '../models/network.ts';
import { sizeOf } from '../models/scope.ts';
import { rankCorrelation } from '../rank-correlation.ts';
import type { Progress, Question } from './question.ts';
import { requireValues, type MethodMap } from './methods/method.ts';

/** Steps of the check; layers are randomised in groups. */
const steps = 6;
/** Below this correlation with all weights randomised a map counts as changed. */
const changed = 0.3;

export async function checkSanity(
  question: Question,
  mapFor: (question: Question) => Promise<{ made: MethodMap; layer: { name: string } | null }>,
  onProgress: (progress: Progress) => void,
): Promise<{ header: SanityCheck; maps: Float32Array }> {
  const { subject, goal, layers, seed } = question;
  const { network, withNetwork, inputSides } = subject;
  if (!withNetwork)
    throw new BadParameters(
      'The check randomises the weights of a network, and this score is not made by its network alone. Explain a classifier or an autoencoder.',
    );
  if (goal.of === 'score')
    throw new BadParameters(
      'Random weights cannot be put into the anomaly score: it also knows the usual errors of this network. Explain the reconstruction error.',
    );
  const first = await mapFor(question);
  requireValues(first.made);
  const { rows, columns } = first.made;
  // The same layer at each step: another one would change the map by itself.
  const layerName = first.layer?.name ?? null;
  const own = await network.read();
  const other = new Network(network.architecture, [...inputSides, 3], seed + 1);
  try {
    const fresh = await other.read();
    const kernels = layers.filter(({ name }) => network.pieces.some((piece) => piece.name === `${name}/kernel`));
    const fromTop = kernels.map(({ name }) => name).reverse();
    const at = Array.from({ length: Math.min(steps, fromTop.length) }, (_, i, all = Math.min(steps, fromTop.length)) =>
      i === 0 ? 1 : Math.round(1 + ((fromTop.length - 1) * i) / Math.max(1, all - 1)),
    );
    const maps = [first.made.values];
    const names: (string | null)[] = [null];
    const correlations = [1];
    for (const [i, count] of at.entries()) {
      const randomised = new Set(fromTop.slice(0, count));
      other.write(mixed(network, own, fresh, randomised));
      const alternative = withNetwork(other);
      const { made } = await mapFor({
        ...question,
        subject: alternative,
        objective: alternative.objective(goal),
        layerName,
      });
      const values =
        made.rows === rows && made.columns === columns
          ? made.values
          : resample(made.values, made.rows, made.columns, rows, columns);
      maps.push(values);
      names.push(fromTop[count - 1]);
      correlations.push(rankCorrelation(magnitudes(maps[0]), magnitudes(values)));
      onProgress({ done: i + 1, total: at.length });
      await question.yieldToEventLoop();
    }
    const size = rows * columns;
    const joined = new Float32Array(maps.length * size);
    maps.forEach((map, i) => joined.set(map, i * size));
    const last = correlations.at(-1)!;
    return {
      header: {
        rows,
        columns,
        layers: names,
        correlations,
        verdict:
          last < changed
            ? 'The map changes when the weights are randomised, so it depends on what the network has learned.'
            : 'The map stays similar with random weights: it shows the image more than the network. Do not rely on this method here.',
      },
      maps: joined,
    };
  } finally {
    other.dispose();
  }
}

const magnitudes = (values: Float32Array): Float64Array => Float64Array.from(values, Math.abs);

/** The values of the network with those of `fresh` for these layers, their normalisations included. */
function mixed(
  { pieces, moving }: Network,
  own: NetworkValues,
  fresh: NetworkValues,
  layers: ReadonlySet<string>,
): NetworkValues {
  const mix = (to: Float32Array, from: Float32Array, parts: Network['pieces']): Float32Array => {
    const out = Float32Array.from(to);
    let at = 0;
    for (const { name, shape } of parts) {
      const size = sizeOf(shape);
      const layer = name.slice(0, name.lastIndexOf('/')).replace(/\/norm$/, '');
      if (layers.has(layer)) out.set(from.subarray(at, at + size), at);
      at += size;
    }
    return out;
  };
  return {
    weights: mix(own.weights, fresh.weights, pieces),
    statistics: mix(own.statistics, fresh.statistics, moving),
  };
}
