/** What a person reads if a parameter is refused: options on the command line, titles in the window, never names of the schema. */
import { createTRPCClient, localLink } from '@trpc/client';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parametersOf } from '../../src-main/command/parameters.ts';
import { scorers } from '../../src-main/compute/anomaly/index.ts';
import { classifiers } from '../../src-main/compute/classify/index.ts';
import { RefusedRequest } from '../../src-main/contract/problems.ts';
import { router, type Router } from '../../src-main/contract/router.ts';
import { checkedInside } from '../../src-main/door/inside.ts';
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

describe('a refused request', () => {
  const refused = (schema: z.ZodType, value: unknown) => {
    const { error } = schema.safeParse(value);
    return new RefusedRequest(error as z.ZodError).message;
  };
  const schema = z.strictObject({
    maskThreshold: z.number().min(0).max(1),
    sizePx: z.int(),
    tags: z.array(z.string().min(1).max(3)),
    shares: z.object({ train: z.number().positive() }),
  });
  const whole = { maskThreshold: 0.5, sizePx: 64, tags: ['a'], shares: { train: 1 } };

  test('is told in ordinary words, without names of the schema', () => {
    for (const [change, message] of [
      [{ maskThreshold: 2 }, '‘mask threshold’ must be at most 1.'],
      [{ sizePx: 1.5 }, '‘size’ must be a whole number.'],
      [{ sizePx: undefined }, '‘size’ is missing.'],
      [{ tags: ['a', ''] }, '‘tags’, item 2, is empty.'],
      [{ tags: ['long'] }, '‘tags’, item 1, may have at most 3 characters.'],
      [{ shares: { train: 0 } }, '‘train’ of ‘shares’ must be more than 0.'],
      [{ somethingElse: 1 }, 'The request has no ‘something else’.'],
    ] as const)
      expect(refused(schema, { ...whole, ...change })).toBe(message);
    expect(refused(schema, 'text')).toBe('The request must be an object.');
    expect(refused(z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]), 5)).toBe(
      'The request is not valid.',
    );
  });

  test('is so at the door, with its problems for the command line', async () => {
    const createContext = async () => ({ engine: {}, workspace: {} }) as never;
    const client = createTRPCClient<Router>({ links: [localLink({ router, createContext })] });
    await expect(client.runs.get.query({ id: 5 } as never)).rejects.toMatchObject({
      message: '‘id’ must be a text.',
      data: { winnow: 'bad-request', problems: [{ path: ['id'], need: 'must be a text' }] },
    });
    expect(() => checkedInside('explanation', {})).toThrow(/^(‘[a-z ]+’ [a-z ]+\.\n?)+$/);
  });
});
