/** What a run says of a score that does not find planted defects. */
import { expect, it } from 'vitest';
import { chanceOf } from '../../src-main/contract/planted.ts';
import { doubtOf } from '../../src-main/jobs/rank.ts';

it('warns of a score that ranks planted defects below normal images', () => {
  const text = doubtOf({ plantedAuroc: 0.31 });
  expect(text).toContain('AUROC 0.31');
  expect(text).toContain('below normal images');
  expect(text).toContain('Do not rely on it');
});

it('says that a score is no better than chance, where it is', () => {
  for (const auroc of [0.4, 0.48, 0.5, 0.599])
    expect(doubtOf({ plantedAuroc: auroc })).toContain('no better than chance');
});

it('says nothing of a score that finds planted defects, or that could not be judged', () => {
  for (const auroc of [0.6, 0.9, 1, null, undefined]) expect(doubtOf({ plantedAuroc: auroc })).toBeNull();
});

it('expects more of a score that few images judge', () => {
  expect(chanceOf(40, 200)).toBe(0.6);
  expect(chanceOf(27, 27)).toBeCloseTo(0.6304, 4); // 0.5 + 1.645 · √(55 / 8748)
  const judged = { plantedAuroc: 0.61, plantedChance: chanceOf(27, 27) };
  expect(doubtOf(judged)).toContain(
    'too few to tell this score from chance (AUROC 0.61, 0.5 is chance; so few images need 0.63)',
  );
  expect(doubtOf({ ...judged, plantedAuroc: 0.38 })).toContain('no better than chance');
  expect(doubtOf({ ...judged, plantedAuroc: 0.36 })).toContain('Do not rely on it');
});
