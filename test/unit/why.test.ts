/** Why a network gave its output, in the page: which maps are requested, which are kept, their scale and colours, and how they are found in the palette. */
import { openPage } from '../fixtures/page.ts';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { methods } from '../../src-main/compute/inside/methods/index.ts';
import { explanationTitles, type ExplanationMethods } from '../../src-main/contract/inside.ts';
import type { Sample } from '../../src-main/contract/types.ts';
import { records } from '../../src-renderer/actions/index.ts';
import { perform, register } from '../../src-renderer/actions/registry.ts';
import { colourInto, diverging, inferno } from '../../src-renderer/lib/colormap.ts';
import { keyOf, topOf, type Question } from '../../src-renderer/lib/explanation.ts';
import type { callInside } from '../../src-renderer/lib/inside.ts';
import { find, offer } from '../../src-renderer/lib/palette.ts';
import { places } from '../../src-renderer/places/index.ts';
import { app } from '../../src-renderer/state/app.svelte.ts';
import { Explanations } from '../../src-renderer/state/explanations.svelte.ts';
import { notices } from '../../src-renderer/state/notices.svelte.ts';
import { settings } from '../../src-renderer/state/settings.svelte.ts';
import type { Session } from '../../src-renderer/state/session.svelte.ts';
import { Training } from '../../src-renderer/state/training.svelte.ts';
import { View } from '../../src-renderer/state/view.svelte.ts';
import { Choice } from '../../src-renderer/state/why.svelte.ts';
import { blob, folderOf } from '../fixtures/images.ts';

const sampleOf = (id: number) => ({ id, sha256: `hash ${id}`, class: 'a', width: 8, height: 8 }) as Sample;
const ask = (id: number, change: Partial<Question> = {}): Question => ({
  run: 'cnn-1',
  sample: sampleOf(id),
  method: 'grad-cam',
  layer: null,
  target: { of: 'auto' },
  parameters: {},
  ...change,
});

/** An engine whose calls are answered by the test. */
function engineOf() {
  const calls: { id: number; signal: AbortSignal; answer(values: number[]): void; fail(message: string): void }[] = [];
  const call = ((_workspace: string, _name: string, { sampleId }: { sampleId: number }, { signal }: never) =>
    new Promise((answered, failed) => {
      calls.push({
        id: sampleId,
        signal,
        answer: (values) =>
          answered({ header: { rows: 1, columns: values.length }, arrays: { map: Float32Array.from(values) } }),
        fail: (message) => failed(new Error(message)),
      });
    })) as unknown as typeof callInside;
  return { calls, explanations: new Explanations('workspace', call) };
}
const asked = (calls: readonly { id: number }[]) => calls.map(({ id }) => id);

describe('maps on demand', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('only the image at rest is requested; a step aborts the request before', async () => {
    const { calls, explanations } = engineOf();
    for (const id of [1, 2, 3]) {
      const hide = explanations.show(ask(id));
      await vi.advanceTimersByTimeAsync(5);
      hide();
    }
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked(calls)).toEqual([]);

    const hide = explanations.show(ask(4));
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked(calls)).toEqual([4]);
    hide();
    expect(calls[0].signal.aborted).toBe(true);
    calls[0].answer([1, 2]);
    await vi.advanceTimersByTimeAsync(0);
    expect(explanations.answer(ask(4)).map).toBeNull();
  });

  test('an answer is kept, also for the next component that shows it', async () => {
    const { calls, explanations } = engineOf();
    const hide = explanations.show(ask(1));
    const other = explanations.show(ask(1), 'tiles');
    await vi.advanceTimersByTimeAsync(100);
    hide(); // the other component still shows it
    expect(calls[0].signal.aborted).toBe(false);
    calls[0].answer([0, 3]);
    await vi.advanceTimersByTimeAsync(0);
    other();
    explanations.show(ask(1));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked(calls)).toEqual([1]);
    expect([...explanations.answer(ask(1)).map!.values]).toEqual([0, 3]);
  });

  test('tiles are requested two at a time, in order, after what a person looks at; hidden ones not at all', async () => {
    const { calls, explanations } = engineOf();
    const hidden = [1, 2, 3, 4, 5].map((id) => explanations.show(ask(id), 'tiles'));
    await vi.advanceTimersByTimeAsync(0);
    expect(asked(calls)).toEqual([1, 2]);
    hidden[2]();
    explanations.show(ask(9));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked(calls)).toEqual([1, 2, 9]);
    calls[0].answer([1]);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked(calls)).toEqual([1, 2, 9]); // tiles wait
    calls[2].answer([1]);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked(calls)).toEqual([1, 2, 9, 4]);
  });

  test('a problem is shown, and asked again when it is shown again', async () => {
    const { calls, explanations } = engineOf();
    const hide = explanations.show(ask(1));
    await vi.advanceTimersByTimeAsync(100);
    calls[0].fail('No layer has places.');
    await vi.advanceTimersByTimeAsync(0);
    expect(explanations.answer(ask(1))).toMatchObject({ map: null, problem: 'No layer has places.' });
    hide();
    explanations.show(ask(1));
    await vi.advanceTimersByTimeAsync(100);
    expect(asked(calls)).toEqual([1, 1]);
  });

  test('maps of a run share one scale, which grows with the largest; another method has its own', async () => {
    const { calls, explanations } = engineOf();
    for (const question of [ask(1), ask(2, { target: { of: 'class', name: 'b' } }), ask(1, { method: 'occlusion' })])
      explanations.show(question);
    await vi.advanceTimersByTimeAsync(100);
    calls[0].answer([0, 2]);
    calls[1].answer([0, 5]);
    calls[2].answer([-7, 1]);
    await vi.advanceTimersByTimeAsync(0);
    expect(explanations.top(ask(1), false)).toBe(5);
    expect(explanations.top(ask(1), true)).toBe(2);
    expect(explanations.top(ask(1, { method: 'occlusion' }), false)).toBe(7);
  });
});

test('a mark on the image asks nothing new, except its class if its loss is explained', () => {
  const marked = { ...sampleOf(1), decision: 'keep', class: 'b' } as Sample;
  expect(keyOf(ask(1, { sample: marked }))).toBe(keyOf(ask(1)));
  const loss = { target: { of: 'loss' } } as const;
  expect(keyOf(ask(1, { sample: marked, ...loss }))).not.toBe(keyOf(ask(1, loss)));
});

test('the top of a scale ignores a few extreme pixels, not the largest cell of a small map', () => {
  expect(topOf(Float32Array.of(0, -4, 2))).toBe(4);
  expect(topOf(Float32Array.from({ length: 10_000 }, (_, i) => (i < 10 ? 1000 : 1)))).toBe(1);
  expect(topOf(new Float32Array(4))).toBe(0);
});

describe('colours', () => {
  const colours = (values: number[], painting: Parameters<typeof colourInto>[2]) => {
    const out = new Uint32Array(values.length);
    colourInto(out, Float32Array.from(values), painting);
    return [...out].map((pixel) => ({ r: pixel & 255, b: (pixel >> 16) & 255, alpha: pixel >>> 24 }));
  };

  test('signed values: zero is transparent, negative is blue, positive is red, equally strong at both ends', () => {
    const [least, zero, most] = colours([-2, 0, 2], { white: 2, isSigned: true, isVeil: true });
    expect(zero.alpha).toBe(0);
    expect(least).toMatchObject({ alpha: 255 });
    expect(most).toMatchObject({ alpha: 255 });
    expect(least.b).toBeGreaterThan(least.r);
    expect(most.r).toBeGreaterThan(most.b);
    const [beyond] = colours([-9], { white: 2, isSigned: true, isVeil: true });
    expect(beyond).toEqual(least);
    expect(diverging).toHaveLength(3 * 255);
  });

  test('values from zero keep Inferno; what is not a number has no colour', () => {
    const [low, high, none] = colours([0, 1, NaN], { white: 1, isVeil: false });
    expect([low.r, high.r]).toEqual([inferno[0], inferno[3 * 255]]);
    expect(none.alpha).toBe(0);
    expect(colours([0], { white: 1, isVeil: true })[0].alpha).toBe(0);
  });
});

describe('choices', () => {
  const method = (id: string, change = {}) => ({
    id,
    reason: null,
    isSlow: false,
    hasLayer: true,
    schema: {},
    ...change,
  });
  const known = (list: object[], change = {}) =>
    ({
      methods: list,
      layers: ['first', 'last'],
      targets: ['auto', 'class', 'difference'],
      ...change,
    }) as unknown as ExplanationMethods;

  test('what a network does not have is replaced by its usual choice, and comes back with another network', () => {
    const choice = new Choice();
    const dense = known(
      [method('grad-cam', { reason: 'No places.' }), method('occlusion', { isSlow: true }), method('saliency')],
      {
        layers: [],
      },
    );
    expect(choice.methodIn(dense)?.id).toBe('saliency');
    const both = [method('occlusion'), method('saliency'), method('grad-cam')];
    expect(choice.methodIn(known(both))?.id).toBe('grad-cam');
    expect(choice.methodIn(known(both, { targets: ['auto', 'error'] }))?.id).toBe('saliency');
    choice.method = 'occlusion';
    expect(choice.methodIn(known(both, { targets: ['auto', 'error'] }))?.id).toBe('occlusion');
    choice.method = 'grad-cam';
    expect(choice.methodIn(known([method('grad-cam', { reason: 'None.' })]))).toBeNull();
    choice.layer = 'last';
    expect([choice.layerIn(known([])), choice.layerIn(dense)]).toEqual(['last', null]);
    choice.target = { of: 'difference', name: 'a', minus: 'b' };
    expect(choice.targetIn(dense, ['a', 'b'])).toEqual(choice.target);
    expect(choice.targetIn(dense, ['a', 'c'])).toEqual({ of: 'auto' });
    expect(choice.targetIn(known([], { targets: ['auto', 'error'] }), [])).toEqual({ of: 'auto' });
  });
});

describe('ways in', () => {
  let session: Session;
  beforeAll(async () => {
    register(records);
    session = await openPage(folderOf({ 'a.png': await blob(0) }));
    return () => session.close();
  });
  beforeEach(() => {
    const view = new View(session, places);
    Object.assign(app, { session, view, training: new Training(session, view, () => []) });
  });

  test('the methods are found by the names that the engine gives them', () => {
    expect(explanationTitles).toEqual(Object.fromEntries(methods.map(({ id, title }) => [id, title])));
  });

  test.each([
    ...Object.values(explanationTitles).map((title) => title.toLowerCase()),
    'heat map',
    'explain',
    'saliency',
    'attention',
  ])('the palette answers ‘%s’ before it offers a tag', (typed) => {
    perform('right'); // an image under the cursor: tags are offered
    const found = find(offer(), typed);
    expect(found[0].command.id).toMatch(/^why/);
    expect(found.some(({ command }) => command.id === 'why')).toBe(true);
    expect(found.findIndex(({ command }) => command.isNew)).toBeGreaterThan(0);
  });

  test.each(['filters', 'activations', 'feature maps', 'latent space'])(
    'the palette leads from ‘%s’ to Inside',
    (typed) => {
      expect(find(offer(), typed).map(({ command }) => command.id)).toContain('inside');
    },
  );

  test('the map of a network and the error map are not shown together', () => {
    settings.setWhy(true);
    settings.toggleMap();
    expect([settings.showsMap, settings.showsWhy]).toEqual([true, false]);
    settings.setWhy(true);
    expect([settings.showsMap, settings.showsWhy]).toEqual([false, true]);
    settings.setWhy(false);
  });

  test('without a network it says what to do', () => {
    perform('why');
    expect(notices.list.at(-1)?.text).toMatch(/train a classifier, or rank the images/);
    expect(app.view?.loupe.mode).toBe('grid');
  });
});
