/** What a run says of a score that does not find planted defects. */
import { expect, it } from 'vitest';
import { doubtOf } from '../../src-main/jobs/rank.ts';

it('warns of a score that ranks planted defects below normal images', () => {
  const text = doubtOf(0.31);
  expect(text).toContain('AUROC 0.31');
  expect(text).toContain('below normal images');
  expect(text).toContain('Do not rely on it');
});

it('says that a score is no better than chance, where it is', () => {
  for (const auroc of [0.4, 0.48, 0.5, 0.599]) expect(doubtOf(auroc)).toContain('no better than chance');
});

it('says nothing of a score that finds planted defects, or that could not be judged', () => {
  for (const auroc of [0.6, 0.9, 1, null, undefined]) expect(doubtOf(auroc)).toBeNull();
});
