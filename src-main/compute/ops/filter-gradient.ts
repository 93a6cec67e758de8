/**
 * The gradient of a convolution with respect to its filter on WebGPU, as matrix products: the windows of the image [windows, kh·kw·in], transposed, times the
 * gradient of the result [windows, out]. In tfjs's own kernel, one thread per filter weight reads all windows in turn, which took half of a training step on a
 * graphics card. The windows are divided into chunks with one product each, so that the card can work in parallel; then the products are added.
 */
import type { KernelConfig, NamedAttrMap, NamedTensorInfoMap, Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs';

type Tf = typeof import('@tensorflow/tfjs');

/** Minimum number of windows in a chunk, if an image has that many. */
const chunkWindows = 512;

interface Attributes {
  strides: [number, number] | number;
  pad: 'valid' | 'same' | number | [number, number][];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  filterShape: [number, number, number, number];
}

/** Replaces tfjs's kernel for the backend. `tf` is a parameter, since `backend.ts` calls this before its `tf` is set up. */
export function registerFilterGradient(tf: Tf, backendName: string): void {
  const kernelName = 'Conv2DBackpropFilter';
  tf.unregisterKernel(kernelName, backendName);
  const kernelFunc: KernelConfig['kernelFunc'] = ({ inputs, attrs }) => {
    const { x, dy } = inputs as NamedTensorInfoMap as unknown as { x: Tensor4D; dy: Tensor4D };
    return filterGradient(tf, x, dy, attrs as NamedAttrMap as unknown as Attributes);
  };
  tf.registerKernel({ kernelName, backendName, kernelFunc });
}

/** x [B, H, W, in], dy [B, H', W', out] → [kh, kw, in, out]. */
export function filterGradient(
  tf: Tf,
  x: Tensor4D,
  dy: Tensor4D,
  { strides, pad, dimRoundingMode, filterShape }: Attributes,
): Tensor4D {
  const {
    batchSize,
    outHeight,
    outWidth,
    outChannels,
    strideHeight,
    strideWidth,
    padInfo,
    filterHeight,
    filterWidth,
    inChannels,
  } = tf.backend_util.computeConv2DInfo(x.shape, filterShape, strides, 1, pad as 'same', dimRoundingMode);
  return tf.tidy(() => {
    // The end of the last window; with a stride, some rows at the end may be in no window.
    const [reachHeight, reachWidth] = [
      (outHeight - 1) * strideHeight + filterHeight,
      (outWidth - 1) * strideWidth + filterWidth,
    ];
    const padded = tf.pad(x, [
      [0, 0],
      [padInfo.top, Math.max(0, reachHeight - padInfo.top - x.shape[1])],
      [padInfo.left, Math.max(0, reachWidth - padInfo.left - x.shape[2])],
      [0, 0],
    ]);
    const taps: Tensor[] = [];
    for (let row = 0; row < filterHeight; row++)
      for (let column = 0; column < filterWidth; column++)
        taps.push(
          tf.stridedSlice(
            padded,
            [0, row, column, 0],
            [
              batchSize,
              row + (outHeight - 1) * strideHeight + 1,
              column + (outWidth - 1) * strideWidth + 1,
              inChannels,
            ],
            [1, strideHeight, strideWidth, 1],
          ),
        );
    const rows = rowsInChunk(outHeight, outWidth);
    const [chunks, windows] = [batchSize * (outHeight / rows), rows * outWidth];
    const patches = (taps.length > 1 ? tf.concat(taps, 3) : taps[0]).reshape([
      chunks,
      windows,
      taps.length * inChannels,
    ]) as Tensor3D;
    const products = tf.matMul(patches, tf.reshape(dy, [chunks, windows, outChannels]), true, false);
    return tf.sum(products, 0).reshape(filterShape) as Tensor4D;
  });
}

/** The rows of an image per chunk: the fewest that divide its height and have enough windows. */
function rowsInChunk(height: number, width: number): number {
  for (let rows = 1; rows < height; rows++) if (height % rows === 0 && rows * width >= chunkWindows) return rows;
  return height;
}
