/** The calls of `contract/inside-procedures.ts`: they look inside a network and answer with arrays. */
import type { InsideCalls } from '../../contract/inside-procedures.ts';
import { classMapsOf } from '../../jobs/inside-evidence.ts';
import { explainImage, questionOf } from '../../jobs/inside-explain.ts';
import { decode, maximise } from '../../jobs/inside-images.ts';
import { featureMaps, featureThumbs, filters } from '../../jobs/inside-look.ts';
import { toWinnowError } from '../../workspace/runs.ts';
import type { CallContext } from './context.ts';

export function insideArrays(context: CallContext): InsideCalls {
  const { compute } = context;
  const calls: InsideCalls = {
    async explanation(request, options) {
      const { header, map } = await explainImage(context, request, options);
      return { header, arrays: { map } };
    },
    async faithfulness(request, { signal, onEvent }) {
      const { args } = await questionOf(context, request);
      const { header, ...arrays } = await compute.call('faithfulness', args, { signal, onEvent });
      return { header, arrays };
    },
    async sanity(request, { signal, onEvent }) {
      const { args } = await questionOf(context, request);
      const { header, ...arrays } = await compute.call('sanity', args, { signal, onEvent });
      return { header, arrays };
    },
    filters: (request) => filters(context, request),
    featureMaps: (request, { signal }) => featureMaps(context, request, signal),
    featureThumbs: (request, { signal }) => featureThumbs(context, request, signal),
    maximise: (request, options) => maximise(context, request, options),
    decode: (request, options) => decode(context, request, options),
    classMaps: async (request) => classMapsOf(context, request),
  };
  return withWinnowErrors(calls);
}

/** Errors of the compute process as errors of the contract. */
const withWinnowErrors = (calls: InsideCalls): InsideCalls =>
  Object.fromEntries(
    Object.entries(calls).map(([name, call]) => [
      name,
      async (...args: never[]) => {
        try {
          return await (call as (...args: never[]) => Promise<unknown>)(...args);
        } catch (error) {
          throw toWinnowError(error);
        }
      },
    ]),
  ) as unknown as InsideCalls;
