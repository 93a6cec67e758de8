/** What a person reads if a parameter is refused: options on the command line, titles in the window, never names of the schema. */
import { describe, expect, test } from 'vitest';
import { parametersOf } from '../../src-main/command/parameters.ts';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { classifiers } from '../../src-main/compute/classify/index.ts';
import { checkRank, checkTrain } from '../../src-main/workspace/check-request.ts';

const convAe = scorers.find(({ id }) => id === 'conv-ae')!;
const variants = classifiers.map((record) => ({ id: record.id, schema: record.modes.scratch! }));

describe('a refused parameter', () => {
  test('is named by its option on the command line', () => {
    const rank = (options: Record<string, unknown>) => () => parametersOf(options, convAe, scorers);
    expect(rank({ learningRate: '-1' })).toThrow(/^--learning-rate must be (at least|more than) \S+\.$/);
    expect(rank({ size: '32.5' })).toThrow(/^--size /);
    const train = () => parametersOf({ learningRate: '-1' }, variants[0], variants);
    expect(train).toThrow(/^--learning-rate must be (at least|more than) \S+\.$/);
    expect(rank({ learningRate: '0.01' })()).toEqual({ learningRate: 0.01 });
  });
  test('is named by its title in the window', () => {
    expect(() => checkRank({ method: 'conv-ae', parameters: { learningRate: -1 } })).toThrow(
      /: ‘Learning rate’ must be (at least|more than) \S+\.$/,
    );
    const { id } = classifiers[0];
    expect(() => checkTrain({ model: id, mode: 'scratch', parameters: { learningRate: 'fast' } })).toThrow(
      /: ‘Learning rate’ must be a number\.$/,
    );
  });
});
