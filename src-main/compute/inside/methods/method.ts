/** A method that explains an output: a record with its title, its two sentences, the schema of its parameters, and the function that makes the map. */
import type { Tensor4D } from '@tensorflow/tfjs';
import type { z } from 'zod';
import { BadParameters } from '../../bad-parameters.ts';
import type { Layer, LayerKind } from '../../models/scope.ts';
import type { Objective, OpenSubject } from '../subject.ts';

export interface MethodContext<P = unknown> {
  subject: OpenSubject;
  layers: readonly Layer[];
  /** One image, [1, height, width, 3]. */
  x: Tensor4D;
  objective: Objective;
  /** The chosen layer; null for methods that read none. */
  layer: Layer | null;
  params: P;
  seed: number;
  onProgress(done: number, total: number): void;
  yieldToEventLoop(): Promise<void>;
}

/** A map over the whole input of the network. */
export interface MethodMap {
  values: Float32Array; // [rows, columns]
  rows: number;
  columns: number;
  /** The objective's value for the image. */
  value: number;
  note?: string;
  gap?: number;
}

/** Throws BadParameters with the reason if a map is empty or has values that are not numbers, so that nothing can be tested. */
export function requireValues({ values, note }: MethodMap): void {
  if (values.every(Number.isFinite) && values.some((value) => value !== values[0])) return;
  throw new BadParameters(`There is nothing to test. ${note ?? 'The map has the same value everywhere.'}`);
}

interface Definition<P> {
  id: string;
  title: string;
  shows: string;
  cannotShow: string;
  isSigned: boolean;
  /** It reads a layer, the last one with so many places along each side unless a person chooses another. */
  wantedPlaces?: number;
  /** Only layers of this kind. */
  reads?: LayerKind;
  isSlow?: boolean;
  schema: z.ZodObject & z.ZodType<P>;
  /** Why the method has no map of this network; null if it has. */
  reason?(subject: OpenSubject, layers: readonly Layer[]): string | null;
  /** The map of one image. Throws BadParameters with a reason. */
  explain(context: MethodContext<P>): Promise<MethodMap>;
}

export interface Method extends Omit<Definition<unknown>, 'schema' | 'reason' | 'isSlow'> {
  schema: z.ZodObject;
  isSlow: boolean;
  reason(subject: OpenSubject, layers: readonly Layer[]): string | null;
}

/** Makes a method for the registry from its definition with typed parameters. */
export const defineMethod = <P>({
  reason = () => null,
  isSlow = false,
  explain,
  ...method
}: Definition<P>): Method => ({
  ...method,
  isSlow,
  reason,
  explain: (context) => explain({ ...context, params: method.schema.parse(context.params) as P }),
});
