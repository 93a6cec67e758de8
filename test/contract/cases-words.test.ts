/** Answers without evidence, tables that say nothing, output that cannot be written, and output into pipes: cases that once went wrong. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { caseFolder, hasCases } from '../fixtures/cases.ts';
import { winnow, winnowJson } from '../fixtures/command.ts';
import { temporaryFolder } from '../fixtures/images.ts';

const newData = () => ({ WINNOW_DATA: temporaryFolder('data') });

describe.skipIf(!hasCases)('73: a class whose images are near copies', () => {
  interface Answer {
    samples: {
      path: string;
      given: string;
      suggested: string | null;
      quality: number | null;
      flagged: boolean;
      unjudged: string | null;
    }[];
    unjudged: { class: string; images: number; reason: string }[];
    run: { report: Record<string, number> };
  }

  test('cannot be judged, is not suspected, and is never erased', async () => {
    const folder = join(caseFolder('73'), 'in');
    const data = newData();
    const reason = 'All 6 images of b are near copies, so no model could learn b without them.';
    const found = await winnowJson<Answer>(['labels', folder], data);
    expect(found.unjudged).toEqual([{ class: 'b', images: 6, reason }]);
    expect(found.samples).toHaveLength(16);
    for (const sample of found.samples.filter(({ given }) => given === 'b'))
      expect(sample).toMatchObject({ suggested: null, quality: null, flagged: false, unjudged: reason });
    for (const { given, quality, suggested, unjudged } of found.samples.filter(({ given }) => given === 'a')) {
      expect([given, suggested, unjudged]).toEqual(['a', 'a', null]);
      expect(quality).toBeGreaterThan(0);
    }
    expect(found.run.report).toEqual({ flagged: 0, judged: 10, unjudged: 6 });

    const accepted = await winnow(['labels', folder, '--accept', '--all'], data);
    expect(accepted.err).toContain(reason);
    const shown = await winnow(['show', folder, '--where', 'label != none or labels-1.suspect = 1'], data);
    expect(shown.out).toBe('');
    const unjudged = await winnow(['show', folder, '--where', "labels-1.unjudged = 'near copies'"], data);
    expect(unjudged.out.trim().split('\n')).toHaveLength(6);
    const confirmed = await winnow(['labels', folder, '--confirm', 'b/0.jpg'], data);
    expect(confirmed).toMatchObject({ code: 2, err: expect.stringContaining(reason) as string });

    // Out-of-fold predictions of a classifier have the same fault: its result says so, and its labels are not judged either.
    const trained = await winnowJson<{ run: { id: string; notes: string[] } }>(
      ['train', folder, '--mode', 'head', '--folds', '5'],
      data,
    );
    expect(trained.run.notes.join(' ')).toContain('6 images of b: tested with a model that saw no other image');
    const again = await winnowJson<Answer>(['labels', folder, '--run', trained.run.id], data);
    expect(again.unjudged).toEqual([{ class: 'b', images: 6, reason }]);
    expect(again.samples.filter(({ flagged }) => flagged)).toEqual([]);
  });
});
