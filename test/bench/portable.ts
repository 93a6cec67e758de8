/** Error of exported models: the largest difference of logits between each architecture and its ONNX (onnxruntime) and TF.js exports, next to the largest logit. */
import { startBackend } from '../../src-main/compute/backend.ts';
import { cases, compare } from '../fixtures/portable.ts';

await startBackend();
console.log('| model | largest logit | ONNX | LayersModel |\n|---|---|---|---|');
for (const { id, params, name } of cases) {
  const { largest, onnx, layers } = await compare(id, params);
  console.log(
    `| ${name.replace(' {}', '')} | ${largest.toFixed(2)} | ${onnx[0].toExponential(1)} | ${layers[0].toExponential(1)} |`,
  );
}
