/** Types of hyperparameter searches, shared by engine, page and command line. Plain JSON data. Parameters are set before a training; weights are learned in it. */
import type { SearchRequest, SearchSubject } from './search-schemas.ts';
import type { Method } from './types.ts';

export type { SearchRequest, SearchSubject };

export type Choice = string | number | boolean;

/** The parameter is searched only where each of these parameters has one of these values. The others are searched or fixed. */
export type Condition = Record<string, readonly Choice[]>;

/** The values that a search may give a parameter. `log`: the search works on the logarithm. `step`: distance between neighbouring values, from `low`. */
export type Domain = { when?: Condition } & (
  | { type: 'float'; low: number; high: number; log?: boolean }
  | { type: 'int'; low: number; high: number; log?: boolean; step?: number }
  | { type: 'categorical'; choices: readonly Choice[] }
);

/** The searched parameters with their domains, in the usual order of importance. All other parameters keep one value. */
export type Space = Record<string, Domain>;

/** One point of a space. Parameters whose condition does not hold are missing. */
export type Assignment = Record<string, Choice>;

/** What a search maximises or minimises. */
export interface Objective {
  id: string;
  title: string;
  summary: string;
  direction: 'maximise' | 'minimise';
}

/**
 * `running`: its row exists before it starts. `interrupted`: it continues from its checkpoint when the search is resumed. `stopped`: early, by a stopper or by the person;
 * its value is the best one until then. `failed`: it has no value.
 */
export type TrialState = 'running' | 'interrupted' | 'done' | 'stopped' | 'failed';

/** One training of a search. */
export interface Trial {
  /** `<search>/<number>`. */
  id: string;
  /** From 1. */
  number: number;
  parameters: Assignment;
  seed: number;
  /** What proposed it: `defaults`, the strategy, or `repeat`. */
  origin: 'defaults' | 'repeat' | (string & {});
  /** The trial that it repeats with another seed or fold; null if none. Repeats do not count as trials of the budget. */
  repeats: number | null;
  /** With repeats over folds: the fold, from 0. */
  fold: number | null;
  state: TrialState;
  /** The objective; null if there is none (yet). */
  value: number | null;
  /** Its 95 % interval; null if unknown. */
  low: number | null;
  high: number | null;
  /** The objective after each epoch; empty for methods without epochs. Null where it is not known. */
  curve: readonly (number | null)[];
  /** Finished epochs, and those that were requested; null for methods without epochs. */
  epochs: number | null;
  allEpochs: number | null;
  startedAt: number;
  endedAt: number | null;
  seconds: number;
  /** Why it is in its state: what stopped it, or why it failed. */
  reason: string | null;
  /** Improvement that the surrogate expected of it, in units of the objective; null if no surrogate proposed it. */
  expected: number | null;
  /** Size of its files: the checkpoint of the best few trials is kept. */
  bytes: number;
  /** The run that was made of it; null if none. */
  run: string | null;
}

/** Budget or space were changed after this many trials. */
export interface SearchChange {
  afterTrial: number;
  atMs: number;
  /** What the person changed, in words. */
  title: string;
  /** Before the change. */
  before: Pick<SearchRequest, 'budget' | 'stopper' | 'parallel'> & { space: Space };
}

/** The part of a run that only searches have. */
export interface SearchState {
  /** The request with the space that is searched now. */
  request: Omit<SearchRequest, 'space'> & { space: Space };
  objective: Objective;
  /** All parameters that are not searched, and the defaults of those that are. */
  fixed: Record<string, unknown>;
  /** Hash of the images, classes and splits. */
  dataHash: string;
  /** Values of earlier trials and runs that the search started from. */
  warm: readonly { from: string; parameters: Assignment; value: number }[];
  changes: readonly SearchChange[];
  /** Number of the best trial; null before the first value. */
  best: number | null;
  bestValue: number | null;
  /** The run that was made of the best trial; null until then. */
  bestRun: string | null;
  counts: Record<TrialState, number>;
  /** Why it ended, in words; null while it has not. */
  ended: string | null;
  /** What the repeats say about the best trial against the defaults; null without repeats. */
  verdict: SearchVerdict | null;
}

export interface SearchVerdict {
  /** Of the repeated trials: values over seeds or folds, in the same order. */
  repeated: { trial: number; values: readonly number[]; mean: number; low: number; high: number }[];
  /** Mean difference to the defaults over the same seeds or folds, with its 95 % interval; null without them. Positive is better. */
  gain: { value: number; low: number; high: number } | null;
  /** The gain is not told from chance. */
  isNoise: boolean;
  message: string;
}

/** The choices for a search in general. */
export interface SearchOptions {
  /** `hasSurrogate`: it can tell when no more improvement is expected. */
  strategies: (Method & { hasSurrogate: boolean })[];
  stoppers: Method[];
}

/** The default search of a method. */
export interface SearchProposal {
  space: Space;
  /** Parameters that can be searched, in the usual order of importance: group and reason. */
  order: { name: string; title: string; group: string; domain: Domain }[];
  /** Objectives that this method and this folder have; the first is the default. */
  objectives: Objective[];
  /** What the person should know, for example the largest batch that fits into memory. */
  notes: string[];
}

/** The fraction of the variance of the objective over the space that a parameter explains alone (fANOVA, Hutter et al. 2014), on the surrogate. */
export interface Importance {
  parameter: string;
  /** Median over draws of the surrogate, and 95 % interval, 0..1. */
  share: number;
  low: number;
  high: number;
}

/** The surrogate along one parameter, or two; the others have the values of `at`. */
export interface Surrogate {
  /** The trials that it was fitted to are those with a number up to this. */
  upTo: number;
  at: Assignment;
  axes: SurrogateAxis[];
  /**
   * In units of the objective; row-major with the first axis outermost. `mean`: the median, since values are bent for the surrogate. `deviation`: without noise; half of the 68 % interval. Null over two parameters where one of them is not used: a child of
   * another branch. Along one parameter there is no null.
   */
  mean: (number | null)[];
  deviation: (number | null)[];
  /** Expected improvement, in units of the objective. */
  acquisition: (number | null)[];
  /** Standard deviation of the noise, near the best value. */
  noise: number;
  /** The trials on it; `place` has one number per axis, in the units of the axis' values (an index for categories). */
  trials: { number: number; place: (number | null)[]; value: number }[];
  /** The next suggestion after `upTo` trials. */
  next: { parameters: Assignment; place: (number | null)[]; expected: number | null } | null;
  /** Why there is no surrogate: too few trials. Then the lists are empty. */
  problem: string | null;
}

export interface SurrogateAxis {
  parameter: string;
  domain: Domain;
  /** Numbers, or indices of `choices`. */
  values: number[];
}
