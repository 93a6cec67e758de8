/** The threshold of a ranking in the page: the default from normal images, a chosen rule, a moved threshold, and what is declared about images. */
import { openPage } from '../fixtures/page.ts';
import { beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Decision } from '../../src-main/contract/types.ts';
import { engine } from '../../src-renderer/lib/engine.ts';
import { places } from '../../src-renderer/places/index.ts';
import type { Session } from '../../src-renderer/state/session.svelte.ts';
import { known, ScoreThresholds } from '../../src-renderer/state/threshold.svelte.ts';
import { View } from '../../src-renderer/state/view.svelte.ts';
import { shownComponent } from '../fixtures/component.svelte.ts';
import { blob, folderOf } from '../fixtures/images.ts';

let session: Session;
let view: View;
const soon = (check: () => void) => vi.waitFor(check, 60_000);
const at = (path: string) => session.samples.find((sample) => sample.path === path)!;
const tagsOf = (path: string) => at(path).tags;

/** 24 normal blobs to train on, 6 more, and 4 chequered ones. */
beforeAll(async () => {
  const list = Array.from({ length: 34 }, async (_, i) => {
    const folder = i < 24 ? 'train/good' : i < 30 ? 'test/good' : 'test/chequered';
    return [`${folder}/${String(i).padStart(2, '0')}.png`, await blob(i, i >= 30)] as const;
  });
  session = await openPage(folderOf(Object.fromEntries(await Promise.all(list)), 'threshold'));
  await session.calls.workspace.rank.mutate({ method: 'nearest' });
  await soon(() => expect(session.runs[0]?.state).toBe('done'));
  await session.refresh();
  return () => session.close();
});
beforeEach(async () => {
  const ids = session.samples.map(({ id }) => id);
  await session.edit(ids, { removeTags: ['normal', 'anomalous'] });
  await soon(() => expect(session.samples.every(({ tags }) => !tags.length)).toBe(true));
  await session.calls.runs.setThreshold.mutate({ id: 'nearest-1' });
  await session.refresh();
  view = new View(session, places);
  view.go('anomalies');
  await soon(() => expect(view.threshold.result.promise?.normals).toBe(24));
});
const pick = (path: string) => view.pick(at(path), { toggle: false, range: false });

test('the default comes from the normal images, and flags all chequered ones and not a fixed share', () => {
  const { result, flagged, score } = view.threshold;
  expect(result).toMatchObject({ rule: 'percentile', value: 95, score, flagged });
  expect(view.clause).toBe(`nearest-1.error >= ${score}`);
  const paths = view.shown.map(({ path }) => path);
  expect(paths).toHaveLength(flagged);
  expect(paths.filter((path) => path.includes('chequered'))).toHaveLength(4);
});

test('images are known by what was trained on and by the names of their folders; a tag comes first', async () => {
  const of = (path: string) => view.threshold.known[at(path).id];
  expect([of('train/good/00.png'), of('test/good/24.png'), of('test/chequered/30.png')]).toEqual([
    known.normal,
    known.normal,
    known.anomalous,
  ]);
  view.flaggedOnly = false;
  pick('train/good/00.png');
  await view.declare('anomalous');
  await soon(() => expect(of('train/good/00.png')).toBe(known.anomalous));
});

test('declaring an image changes the promise at once; declaring it otherwise replaces the tag; again removes it', async () => {
  view.flaggedOnly = false;
  pick('test/good/24.png');
  await view.declare('normal');
  expect(view.threshold.result.promise?.normals).toBe(25);
  pick('test/good/24.png');
  await view.declare('anomalous');
  await soon(() => expect(tagsOf('test/good/24.png')).toEqual(['anomalous']));
  expect(view.threshold.result.promise?.normals).toBe(24);
  pick('test/good/24.png');
  await view.declare('anomalous');
  await soon(() => expect(tagsOf('test/good/24.png')).toEqual([]));
  await session.step('undo');
  await soon(() => expect(tagsOf('test/good/24.png')).toEqual(['anomalous']));
});

test('a chosen rule follows the tags, a moved threshold stays; without a choice the default is back', async () => {
  view.flaggedOnly = false;
  const { threshold } = view;
  const first = threshold.score;
  threshold.choose({ rule: 'share', value: 50 });
  expect(threshold.flagged).toBe(17);
  threshold.move(first / 2);
  pick('test/chequered/30.png');
  await view.declare('normal');
  expect(threshold.score).toBe(first / 2);
  expect(threshold.result).toMatchObject({ rule: 'score', reason: 'Set by hand.' });
  threshold.choose(null);
  expect(threshold.result.rule).toBe('percentile');
  expect(threshold.score).not.toBe(first); // a chequered image is among the normal ones now
});

test('a rule that lacks images says so, and the default rule stays in effect', () => {
  const { threshold } = view;
  const first = threshold.score;
  threshold.choose({ rule: 'tail', value: 1 });
  expect(threshold.result).toMatchObject({ score: null, reason: expect.stringContaining('needs 100 normal images') });
  expect(threshold.score).toBe(first);
});

test('a choice is kept with the run, so that another page and the engine use it, until it is undone', async () => {
  view.threshold.choose({ rule: 'share', value: 50 });
  await soon(() => expect(session.runs[0].rule).toEqual({ rule: 'share', value: 50 }));
  const other = new View(session, places);
  expect(other.threshold.flagged).toBe(17);
  expect(session.thresholds.of('nearest-1.error')).toBe(other.threshold.score);
  const { image } = await session.calls.evaluation.judge.query({ runId: 'nearest-1' });
  expect(image).toMatchObject({ rule: 'share', threshold: other.threshold.score });
  const [saved] = await engine.engine.rankings.query(session.request); // in the workspace that the page was opened with
  expect(saved).toMatchObject({ id: 'nearest-1', threshold: { rule: 'share', score: other.threshold.score } });
  await session.step('undo');
  await soon(() => expect(other.threshold.result.rule).toBe('percentile'));
  expect(view.threshold.score).toBe(other.threshold.score);
});

test('the thresholds of columns are not those of the moment at which the panel that asked first was closed', async () => {
  const thresholds = new ScoreThresholds(session);
  const first = () => thresholds.of('nearest-1.error');
  const close = shownComponent(first);
  expect(first()).toBe(view.threshold.score);
  close();
  await session.calls.runs.setThreshold.mutate({ id: 'nearest-1', rule: { rule: 'share', value: 50 } });
  await soon(() => expect(view.threshold.flagged).toBe(17));
  expect(first()).toBe(view.threshold.score);
  await session.edit(
    session.samples.filter(({ path }) => path.includes('chequered')).map(({ id }) => id),
    { addTags: ['normal'] },
  );
  await session.calls.runs.setThreshold.mutate({ id: 'nearest-1' });
  await soon(() => expect(view.threshold.result.promise?.normals).toBe(28));
  expect(first()).toBe(view.threshold.score);
});

test('the engine reads `flagged(…)` by the threshold of the moment', async () => {
  const { edit } = session.calls.journal;
  const where = 'flagged(nearest-1.error) = 1 and flagged(nearest.error) = 1';
  const flag = async (decision: Decision) => (await edit.mutate({ choice: { where }, change: { decision } })).changed;
  expect(await flag('unsure')).toBe(view.threshold.flagged);
  await session.calls.runs.setThreshold.mutate({ id: 'nearest-1', rule: { rule: 'share', value: 50 } });
  expect(await flag('keep')).toBe(17);
});

test('a threshold that moves in steps is kept once', async () => {
  const { threshold } = view;
  const before = (await session.calls.journal.history.query({})).length;
  for (const score of [1, 2, 3]) threshold.move(score);
  await threshold.keep();
  const history = await session.calls.journal.history.query({});
  expect(history).toHaveLength(before + 1);
  expect(history[0]).toMatchObject({
    title: 'set the threshold of nearest-1 to score:3',
    command: expect.stringMatching(/^runs .* --threshold nearest-1=score:3$/),
  });
});

test('the scores of a faster method are shown until the ranking has finished, and their threshold cannot be chosen', async () => {
  const list = Array.from({ length: 14 }, async (_, i) => [`train/good/${i}.png`, await blob(i, i > 12)] as const);
  const first = await openPage(folderOf(Object.fromEntries(await Promise.all(list)), 'first'));
  const shown = new View(first, places);
  shown.go('anomalies');
  await first.calls.workspace.rank.mutate({ method: 'auto', parameters: { sizePx: 224 } });
  await soon(() => expect(shown.ranked?.state).toBe('running'));
  await soon(() => expect(shown.sortedScores).toHaveLength(14));
  const early = shown.scores;
  expect([shown.scored, shown.threshold.isFinal, shown.isRanked]).toEqual([null, false, true]);
  expect(shown.rankOf(first.samples.find(({ path }) => path.endsWith('/13.png'))!.id)).toBe(1);
  const { choice } = shown.threshold;
  shown.threshold.move(0);
  expect(shown.threshold.choice).toBe(choice);
  await soon(() => expect(shown.scored?.state).toBe('done'));
  await soon(() => expect([...shown.scores]).not.toEqual([...early]));
  expect(shown.threshold.isFinal).toBe(true);
  first.close();
});
