/** Activation maximisation: the image drives its goal more than any noise, and is the same for a seed. */
import { beforeAll, describe, expect, it } from 'vitest';
import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { maximise, type MaximiseEvent } from '../../src-main/compute/inside/maximise.ts';
import { Spectrum } from '../../src-main/compute/inside/spectrum.ts';
import { withSubject, type SubjectRef } from '../../src-main/compute/inside/subject.ts';
import { Cancelled } from '../../src-main/compute/pace.ts';
import { random } from '../../src-main/compute/random.ts';
import { serveCall } from '../fixtures/serve-call.ts';
import { trainedClassifier } from '../fixtures/trained-classifier.ts';
import { untrainedClassifier } from '../fixtures/untrained-classifier.ts';
import { newFolder, packed, picture, sizePx } from './compute-pictures.ts';

let subject: SubjectRef;
beforeAll(async () => {
  await startBackend();
  const set = packed(
    Array.from({ length: 24 }, (_, i) => picture(i, i % 2 === 1)),
    newFolder(),
  );
  subject = { kind: 'classifier', runFolder: await trainedClassifier(set) };
});

describe('the spectrum of an image', () => {
  it('is an orthonormal basis: one amplitude is one plane wave of its frequency', () => {
    const spectrum = new Spectrum(8);
    const amplitudes = new Float32Array(3 * 64);
    amplitudes[1] = 4; // first decorrelated colour (gray), row frequency 0, one cosine along the columns
    const image = tf.tidy(() => spectrum.image(tf.tensor1d(amplitudes)).dataSync<'float32'>());
    const logits = Array.from({ length: 8 }, (_, x) => Math.log(image[x * 3] / (1 - image[x * 3])));
    // amplitude · scale / 4 · √(2/8) · √(1/8) · colour; the scale of one cycle in 8 px is 8.
    const wave = (x: number) =>
      8 * Math.sqrt(2 / 64) * (0.26 / Math.hypot(0.26, 0.27, 0.27)) * Math.cos((2 * Math.PI * x) / 8);
    logits.forEach((logit, x) => expect(logit).toBeCloseTo(wave(x), 3));
    expect(image[7 * 8 * 3]).toBeCloseTo(image[0], 5); // constant along the rows
    spectrum.dispose();
  });
});

describe.each([
  ['a unit', { layer: 'block1', unit: 2 }],
  ['a class', { class: 'cross' }],
])('maximises %s', (_what, goal) => {
  it('beyond any noise, the same for a seed, shown while it climbs', async () => {
    let events: MaximiseEvent[] = [];
    const climb = (seed: number, steps = 96) =>
      serveCall(maximise, { subject, goal, steps, seed }, { onEvent: (event) => void events.push(event) });
    await climb(1, 1); // loads the model
    const tensors = tf.memory().numTensors;
    events = [];
    const { header, image } = await climb(5);
    expect(header).toMatchObject({ step: 96, steps: 96, sizePx });
    expect(image).toHaveLength(sizePx ** 2 * 3);
    expect(events.map(({ header }) => header.step)).toEqual(Array.from({ length: 23 }, (_, i) => 4 * (i + 1)));
    const again = await climb(5);
    expect([again.header.value, again.image]).toEqual([header.value, image]);
    expect((await climb(6)).image).not.toEqual(image);
    expect(tf.memory().numTensors).toBe(tensors);

    const values = (images: Uint8Array[]) =>
      withSubject(subject, (open) => {
        const x = open.input(images.map((bytes) => ({ bytes, height: sizePx, width: sizePx })));
        const value = tf.tidy(() => {
          if ('class' in goal) return open.objective({ of: 'class', index: 1 })(x);
          let found = tf.zeros([images.length]);
          open.look(x, (layer, run) => {
            const output = run();
            if (layer.name === goal.layer)
              found = tf.mean(
                tf.slice(output, [0, 0, 0, goal.unit!], [images.length, ...output.shape.slice(1, 3), 1]),
                [1, 2, 3],
              );
            return output;
          });
          return found;
        });
        const all = Array.from(value.dataSync());
        tf.dispose([x, value]);
        return Promise.resolve(all);
      });
    // The value is that of the bytes.
    expect((await values([image]))[0]).toBeCloseTo(header.value, 3);
    const noises = Array.from({ length: 64 }, (_, i) => {
      const next = random('noise', i);
      const [from, range] = [next() * 128, 127];
      return new Uint8Array(sizePx ** 2 * 3).map(() => from + next() * range);
    });
    const best = Math.max(...(await values(noises)));
    expect(header.value).toBeGreaterThan(best + 0.5 * Math.abs(best));
  });
});

it('stops when it is cancelled', async () => {
  const stop = new AbortController();
  const climbing = serveCall(
    maximise,
    { subject, goal: { class: 'disc' }, steps: 2000, seed: 1 },
    { signal: stop.signal, onEvent: ({ header }) => (header.step >= 8 ? stop.abort() : undefined) },
  );
  await expect(climbing).rejects.toThrow(Cancelled);
});

it('says why there is nothing to climb', async () => {
  const dead: SubjectRef = {
    kind: 'classifier',
    runFolder: await untrainedClassifier({
      model: 'cnn',
      params: { width: 4, depth: 1, dense: 8 },
      change(arrays) {
        arrays['block0/norm/gamma'][1] = 0;
        arrays['block0/norm/beta'][1] = -1;
      },
    }),
  };
  const climb = (goal: { layer: string; unit: number } | { class: string }) =>
    serveCall(maximise, { subject: dead, goal, steps: 4, seed: 1 });
  await expect(climb({ layer: 'block0', unit: 1 })).rejects.toThrow(/No noise drives unit 1 .* may be dead/);
  await expect(climb({ layer: 'block0', unit: 4 })).rejects.toThrow(/units 0 to 3/);
  await expect(climb({ class: 'none' })).rejects.toThrow(/no class ‘none’/);
  await expect(climb({ layer: 'block0', unit: 2 })).resolves.toBeTruthy();
});
