/** Each case beside the repository has a test: each is in a topic, each topic has its file, and the file's last test finds none untried. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { caseNames, caseTest, numberOf, topics } from '../fixtures/cases.ts';

caseTest('each case is in a topic, and each case of a topic exists', () => {
  const inTopics = new Set<string>(Object.values(topics).flat());
  expect(caseNames().filter((name) => !inTopics.has(numberOf(name)))).toEqual([]);
  const there = new Set(caseNames().map(numberOf));
  expect([...inTopics].filter((number) => !there.has(number))).toEqual([]);
  expect(there.size).toBe(caseNames().length);
});

test.each(Object.keys(topics))('the file of topic ‘%s’ ends with a look for untried cases', (topic) => {
  const text = readFileSync(join(import.meta.dirname, `cases-${topic}.test.ts`), 'utf8');
  expect(text.trimEnd().split('\n').slice(-3).join('\n')).toContain(`expect(untried('${topic}')).toEqual([])`);
});
