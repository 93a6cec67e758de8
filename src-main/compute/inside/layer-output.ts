/** What the layers of a network put out for an image. */
import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import { tf } from '../backend.ts';
import { BadParameters } from '../bad-parameters.ts';
import type { Layer } from '../models/scope.ts';
import type { OpenSubject } from './subject.ts';

/** The layer of this name. Throws BadParameters with a reason. */
export function layerNamed(layers: readonly Layer[], name: string): Layer {
  const layer = layers.find((one) => one.name === name);
  if (layer) return layer;
  throw new BadParameters(
    layers.length
      ? `There is no layer ‘${name}’ in this network.`
      : 'This method has no network, so there are no layers to look into.',
  );
}

/** Ends a pass that has computed what was wanted. */
class Seen extends Error {}

/** The output of a layer, [B, …]; later layers are not computed. Call it inside `tf.tidy`. */
export function outputOf(subject: OpenSubject, x: Tensor4D, { name }: Layer): Tensor {
  let found: Tensor | undefined;
  try {
    tf.tidy(() => {
      subject.look(x, (layer, run) => {
        const output = run();
        if (layer.name !== name) return output;
        found = tf.keep(output.clone());
        throw new Seen();
      });
    });
  } catch (error) {
    if (!(error instanceof Seen)) throw error;
  }
  if (!found) throw new BadParameters(`The layer ‘${name}’ is not computed for this image.`);
  const output = found.clone();
  found.dispose();
  return output;
}
