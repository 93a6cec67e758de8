/** Which members `auto` combines, by planted defects and by the other images of the folder. */
import { expect, it } from 'vitest';
import { chooseMembers, usualLimit, whyThese, type Judged } from '../../src-main/compute/anomaly/choose-members.ts';

const names = ['gaussian', 'places', 'patches'];

/** `shares`: of 100 unselected images, by member; none if there are too few. Each member has 40 held-out normal images. */
async function chosen(
  judged: readonly (number | null)[],
  shares?: number[],
  chance = 0.6,
): Promise<{ used: string[]; text: string; isAsked: boolean }> {
  let isAsked = false;
  const members: Judged[] = judged.map((auroc, i) => ({
    ...{ name: names[i], weight: 1, judged: auroc, chance, limit: 0, normals: 40 },
  }));
  await chooseMembers(members, async () => {
    isAsked = true;
    return shares && { shares, images: 100 };
  });
  const used = members.flatMap(({ name, weight }) => (weight ? [name] : []));
  return { used, text: whyThese(members), isAsked };
}

it('keeps all that find planted defects about as well as the best, and does not look at other images', async () => {
  const { used, text, isAsked } = await chosen([0.65, 0.66, 0.7], [0.9, 0.1, 0.1]);
  expect(used).toEqual(names);
  expect(isAsked).toBe(false);
  expect(text).toBe(
    'The score combines the methods that find planted defects (AUROC): gaussian (0.65), places (0.66), patches (0.70).',
  );
});

it('drops those that planted defects judge far worse, if the other images say nothing else', async () => {
  for (const shares of [undefined, [0.1, 0.1, 0.12], [0.28, 0.28, 0.57]])
    expect((await chosen([0.56, 0.58, 0.86], shares)).used).toEqual(['patches']);
});

it('takes back those that find the most unusual images among the unselected ones', async () => {
  const { used, text } = await chosen([0.59, 0.6, 0.85], [0.73, 0.29, 0.39]);
  expect(used).toEqual(['gaussian', 'patches']);
  expect(text).toBe(
    'The score combines the methods that find planted defects (AUROC): patches (0.85); and those that find the most unusual images among the unselected ones: gaussian (73 %); it leaves out places (29 %).',
  );
});

it('relies on the other images if no method finds planted defects', async () => {
  const { used, text } = await chosen([0.53, 0.54, 0.51], [0.65, 0.16, 0.15]);
  expect(used).toEqual(['gaussian']);
  expect(text).toBe(
    'No method finds planted defects, so the score combines those that find the most unusual images among the unselected ones: gaussian (65 %); it leaves out places (16 %), patches (15 %).',
  );
});

it('keeps all but those far below the best, if there is no evidence at all', async () => {
  for (const shares of [undefined, [0.1, 0.15, 0.05]]) {
    const { used, text } = await chosen([0.53, 0.34, 0.55], shares);
    expect(used).toEqual(['gaussian', 'patches']);
    expect(text).toContain('those near the best (AUROC): gaussian (0.53), patches (0.55); it leaves out places (0.34)');
  }
});

it('keeps all if there are too few normal images to judge', async () => {
  const { used, text } = await chosen([null, null, null], [0.9, 0.1, 0.1]);
  expect(used).toEqual(names);
  expect(text).toContain('too few normal images');
});

it('does not take for evidence what chance gives with so many images', async () => {
  // Two standard errors above 10 %, by 40 normal and 100 other images: 21 %.
  expect((await chosen([0.56, 0.58, 0.86], [0.2, 0.12, 0.1])).used).toEqual(['patches']);
  expect((await chosen([0.56, 0.58, 0.86], [0.22, 0.12, 0.1])).used).toEqual(['gaussian', 'patches']);
  // An AUROC that few planted defects do not tell from chance drops nobody who is near.
  expect((await chosen([0.5, 0.52, 0.65], undefined, 0.7)).used).toEqual(names);
});

it('places the limit so that a tenth of unseen normal images is expected above it', () => {
  const scores = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);
  for (const count of [9, 19, 24, 99]) expect(usualLimit(scores(count))).toBeCloseTo(0.9 * (count + 1), 9);
  expect([5, 2, 1].map((count) => usualLimit(scores(count)))).toEqual([5, 2, 1]);
});
