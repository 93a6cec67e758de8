/** Searches for hyperparameters. */
import { WinnowError } from '../../contract/errors.ts';
import type { WorkspaceCalls } from '../../contract/procedures.ts';
import type { CallContext } from './context.ts';

const notBuilt = (): never => {
  throw new WinnowError('failed', 'Not built.');
};

export const searchCalls = (_context: CallContext) =>
  ({
    options: notBuilt,
    propose: notBuilt,
    start: notBuilt,
    resume: notBuilt,
    pause: notBuilt,
    change: notBuilt,
    trials: notBuilt,
    stopTrial: notBuilt,
    keep: notBuilt,
    trainLonger: notBuilt,
    importance: notBuilt,
    surrogate: notBuilt,
  }) satisfies WorkspaceCalls['search'];
