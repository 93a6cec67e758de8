/**
 * The calls that look inside a network and answer with typed arrays. They only read, report progress, and end when the client disconnects. Their frames are those of
 * `arrays.ts`, their path is `insidePath`.
 */
import type { z } from 'zod';
import type {
  ClassMaps,
  Decoded,
  Explanation,
  FaithfulnessCurves,
  FeatureMaps,
  FeatureThumbs,
  Filters,
  Maximised,
  SanityCheck,
} from './inside.ts';
import type { Arrays } from './arrays.ts';
import {
  decodeSchema,
  explainSchema,
  featureMapsSchema,
  featureThumbsSchema,
  filtersSchema,
  maximiseSchema,
  subjectSchema,
} from './schemas.ts';

interface ArrayProcedure<Schema extends z.ZodType, Header, Event> {
  schema: Schema;
  /** Carry the types only; never set. */
  header?: Header;
  event?: Event;
}

const call =
  <Schema extends z.ZodType>(schema: Schema) =>
  <Header, Event = Progress>(): ArrayProcedure<Schema, Header, Event> => ({ schema });

export interface Progress {
  done: number;
  total: number;
}

export const insideProcedures = {
  /** Array `map`. */
  explanation: call(explainSchema)<Explanation>(),
  /** Arrays `deletion`, `insertion`, `randomDeletion` and `randomInsertion`. */
  faithfulness: call(explainSchema)<FaithfulnessCurves>(),
  /** Array `maps`. */
  sanity: call(explainSchema)<SanityCheck>(),
  /** Arrays `kernels` and `norms`. */
  filters: call(filtersSchema)<Filters>(),
  /** Array `maps`. */
  featureMaps: call(featureMapsSchema)<FeatureMaps>(),
  /** Array `maps`. */
  featureThumbs: call(featureThumbsSchema)<FeatureThumbs>(),
  /** Array `image`, in events too. */
  maximise: call(maximiseSchema)<Maximised, Maximised>(),
  /** Array `images`. */
  decode: call(decodeSchema)<Decoded>(),
  /** Array `maps`. */
  classMaps: call(subjectSchema)<ClassMaps>(),
};

export type InsideProcedures = typeof insideProcedures;
export type InsideName = keyof InsideProcedures;
export type InsideRequest<Name extends InsideName> = z.input<InsideProcedures[Name]['schema']>;
export type InsideHeader<Name extends InsideName> = NonNullable<InsideProcedures[Name]['header']>;
export type InsideEvent<Name extends InsideName> = NonNullable<InsideProcedures[Name]['event']>;

/** What the engine implements. `onEvent` sends an event with its arrays. */
export type InsideCalls = {
  [Name in InsideName]: (
    request: z.output<InsideProcedures[Name]['schema']>,
    context: { signal: AbortSignal; onEvent(event: InsideEvent<Name>, arrays?: Arrays<unknown>['arrays']): void },
  ) => Promise<Arrays<InsideHeader<Name>>>;
};
