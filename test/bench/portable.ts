/** How far each architecture, taken away as ONNX (in onnxruntime) and as a TF.js LayersModel, is from itself: largest differences of logits, beside the largest logit. */
import { startBackend } from '../../src-main/compute/backend.ts';
import { cases, compare } from '../fixtures/portable.ts';

await startBackend();
console.log('| model | largest logit | ONNX | LayersModel |\n|---|---|---|---|');
for (const { id, params, told } of cases) {
  const { largest, onnx, layers } = await compare(id, params);
  console.log(
    `| ${told.replace(' {}', '')} | ${largest.toFixed(2)} | ${onnx[0].toExponential(1)} | ${layers[0].toExponential(1)} |`,
  );
}
