/** The registry of search strategies. A new strategy is one file and one entry here. Importing this module loads no tensors. */
import { bayesianSearch } from './bayesian.ts';
import { gridSearch } from './grid.ts';
import { randomSearch } from './random.ts';
import { sobolSearch } from './sobol-search.ts';
import type { Strategy } from './strategy.ts';

export const strategies: readonly Strategy[] = [bayesianSearch, gridSearch, randomSearch, sobolSearch];

/** Undefined if no strategy has this id. */
export const strategyOf = (id: string): Strategy | undefined => strategies.find((strategy) => strategy.id === id);
