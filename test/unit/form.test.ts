/** Parameter forms and number formats. Loops over the registry: the form of a new scorer is tested as soon as it is in the list. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { histogramOf } from '../../src-main/contract/statistics.ts';
import { ago, bytes, duration, percent, score } from '../../src-renderer/lib/format.ts';
import { defaultsOf, fieldsOf } from '../../src-renderer/lib/schema.ts';
import { scorers } from '../../src-main/compute/anomaly/index.ts';

describe.each(scorers.map((scorer) => [scorer.id, scorer] as const))('the form of %s', (_id, scorer) => {
  const schema = z.toJSONSchema(scorer.schema, { io: 'input' }) as Record<string, unknown>;
  test('every parameter has a name, a description, a default and a field type', () => {
    const fields = fieldsOf(schema);
    expect(fields.map(({ name }) => name)).toEqual(Object.keys(scorer.schema.shape));
    for (const field of fields) {
      expect(field.title, field.name).not.toBe(field.name);
      expect(field.description, field.name).toMatch(/\.$/);
      expect(field.default, field.name).toBeDefined();
      if (field.kind === 'choice') expect(field.choices).toContain(field.default);
      if (field.kind === 'number') expect(typeof field.default).toBe('number');
      if (field.kind === 'switch') expect(typeof field.default).toBe('boolean');
    }
  });
  test('the initial form is valid for the schema', () =>
    expect(scorer.schema.parse(defaultsOf(schema))).toEqual(scorer.schema.parse({})));
  test('few enough parameters are expanded for the button to stay visible', () =>
    expect(fieldsOf(schema).filter(({ isAdvanced }) => !isAdvanced).length).toBeLessThanOrEqual(7));
});

test('numbers as people read them', () => {
  expect([0, 0.0012345, 0.26814, 3.14159, 42.42, 123456, 0.00001].map(score)).toEqual([
    '0',
    '0.00123',
    '0.268',
    '3.14',
    '42.4',
    '1.23e+5',
    '1.00e-5',
  ]);
  expect([5, 999, 1500, 11_400_000, 2.5e9].map(bytes)).toEqual(['5 B', '999 B', '1.50 kB', '11.4 MB', '2.50 GB']);
  expect([0.25, 42, 600, 9000].map(duration)).toEqual(['0.3 s', '42 s', '10 min', '2.5 h']);
  expect([percent(143, 4812), percent(0, 0)]).toEqual(['3.0 %', '0.0 %']);
  expect([ago(0, 30_000), ago(0, 300_000), ago(0, 7_200_000)]).toEqual(['now', '5 min ago', '2 h ago']);
});

test('bins hold every score, also when all are equal', () => {
  const sum = (list: Uint32Array) => list.reduce((a, b) => a + b, 0);
  expect(sum(histogramOf(Float64Array.of(0, 0.1, 0.5, 1), 64).counts)).toBe(4);
  expect(histogramOf(Float64Array.of(0, 1), 64).counts.at(-1)).toBe(1);
  expect(sum(histogramOf(Float64Array.of(2, 2, 2), 64).counts)).toBe(3);
});
