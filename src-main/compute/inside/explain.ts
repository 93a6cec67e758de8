/** Why a network gave its output for an image: maps, the curves that test a map, and the sanity check by randomised weights. */
import { z } from 'zod';
import type {
  Explanation,
  ExplanationMethods,
  FaithfulnessCurves,
  NetworkView,
  SanityCheck,
} from '../../contract/inside.ts';
import { BadParameters } from '../bad-parameters.ts';
import { largestOf } from '../../contract/numbers.ts';
import { defineCall, type CallContext } from '../call.ts';
import { candidateLayers, voteOf } from './choose-layer.ts';
import { faithfulnessOf, type CurveName } from './faithfulness.ts';
import { notNumbers } from './methods/cam.ts';
import { methods } from './methods/index.ts';
import { mappable } from './methods/layer-maps.ts';
import { viewOf } from './network-view.ts';
import { mapFor, withQuestion, type ExplainArgs, type Progress } from './question.ts';
import { checkSanity } from './sanity.ts';
import { layersOf, withSubject, type SubjectImage, type SubjectRef } from './subject.ts';

/** The map covers the input of the network. Values that are not numbers are 0; the note tells of them. */
export interface ExplainResult {
  header: Omit<Explanation, 'min' | 'max'>;
  map: Float32Array; // [rows, columns]
}

/** Throws BadParameters with the reason if there is no map. */
export const explain = defineCall({
  run: (args: ExplainArgs, { signal, onEvent }: CallContext<Progress>): Promise<ExplainResult> =>
    withQuestion(args, signal, async (question) => {
      const { made, layer } = await mapFor(question, onEvent);
      const { values, ...found } = made;
      if (!Number.isFinite(found.value))
        throw new BadParameters(
          'The output of the network for this image is not a number: its weights are damaged, or it overflows.',
        );
      const map = values.map((value) => (Number.isFinite(value) ? value : 0));
      return {
        header: {
          method: question.method.id,
          layer: layer?.name ?? null,
          target: question.title,
          value: found.value,
          rows: found.rows,
          columns: found.columns,
          note: found.note ?? (values.every(Number.isFinite) ? null : notNumbers),
          gap: found.gap ?? null,
          predicted: question.predicted,
        },
        map,
      };
    }),
});

/** The curves of deletion and insertion of the map. */
export const faithfulness = defineCall({
  run: (
    args: ExplainArgs,
    { signal, onEvent }: CallContext<Progress>,
  ): Promise<{ header: FaithfulnessCurves } & Record<CurveName, Float32Array>> =>
    withQuestion(args, signal, async (question) => {
      const { made } = await mapFor(question, () => undefined);
      return faithfulnessOf(question, made, onEvent);
    }),
});

/** The maps of the same image while the weights are randomised from the top. */
export const sanity = defineCall({
  run: (
    args: ExplainArgs,
    { signal, onEvent }: CallContext<Progress>,
  ): Promise<{ header: SanityCheck; maps: Float32Array }> =>
    withQuestion(args, signal, (question) => checkSanity(question, (other) => mapFor(other, () => undefined), onEvent)),
});

export interface VoteArgs extends Pick<ExplainArgs, 'subject' | 'method'> {
  images: readonly SubjectImage[];
}

/** A finer layer is taken if it has this fraction of the votes of the best one. */
const goodEnough = 0.8;

/** The layer that suits these images best, for their predicted classes; null if there is nothing to choose. */
export const voteForLayer = defineCall({
  async run({ images, method, ...args }: VoteArgs, { signal }: CallContext): Promise<string | null> {
    const sums = new Map<string, number>();
    for (const image of images) {
      const question = { ...args, image, method, layer: null, target: { of: 'auto' as const }, label: null, seed: 1 };
      await withQuestion({ ...question, params: { background: 'keep' } }, signal, async (asked) => {
        const { subject, layers, x, objective } = asked;
        const candidates = candidateLayers(subject, layers, asked.method.wantedPlaces ?? 0);
        if (candidates.length < 2) return;
        for (const { name } of candidates) {
          const { made } = await mapFor({ ...asked, layerName: name }, () => undefined);
          sums.set(name, (sums.get(name) ?? 0) + (await voteOf(made, x, objective, subject.baseline)));
          await asked.yieldToEventLoop();
        }
      });
    }
    if (!sums.size) return null;
    const most = largestOf(sums.values());
    return [...sums].findLast(([, sum]) => sum >= most - (1 - goodEnough) * Math.abs(most))![0];
  },
});

export const networkView = defineCall({
  run: ({ subject: ref, id }: { subject: SubjectRef; id: string }): Promise<NetworkView> =>
    withSubject(ref, (subject) => Promise.resolve(viewOf(id, subject, ref))),
});

export const explanationMethods = defineCall({
  run: ({ subject: ref }: { subject: SubjectRef }): Promise<ExplanationMethods> =>
    withSubject(ref, (subject) => {
      const layers = layersOf(subject);
      return Promise.resolve({
        methods: methods.map(({ id, title, shows, cannotShow, isSigned, wantedPlaces, isSlow, reason, schema }) => ({
          id,
          title,
          shows,
          cannotShow,
          isSigned,
          hasLayer: wantedPlaces !== undefined,
          isSlow,
          reason: reason(subject, layers),
          schema: z.toJSONSchema(schema, { io: 'input' }),
        })),
        layers: mappable(layers).map(({ name }) => name),
        targets: subject.targets,
      });
    }),
});
