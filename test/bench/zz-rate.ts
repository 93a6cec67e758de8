import { startBackend, tf } from '../../src-main/compute/backend.ts';
import { modelOf } from '../../src-main/compute/models/index.ts';
import { Network } from '../../src-main/compute/models/network.ts';
import { loadForeign } from '../../src-main/compute/models/foreign.ts';
import type { Tensor4D } from '@tensorflow/tfjs';
import fs from 'node:fs';
console.log(await startBackend());
const record = modelOf('efficientnet-lite0')!;
const net = new Network(record.build({}, { sizePx: 224, classes: 1000 }), [224, 224, 3], 1);
console.log(await loadForeign(net, record, {}, 'assets/weights/efficientnet-lite0.safetensors'));
const known = JSON.parse(fs.readFileSync('test/fixtures/pretrained.json', 'utf8'));
const side = 224;
const x = new Float32Array(3 * side * side * 3);
for (let i = 0, at = 0; i < 3; i++) for (let r = 0; r < side; r++) for (let c = 0; c < side; c++) for (let k = 0; k < 3; k++) x[at++] = (Math.round(127.5 + 127.4 * Math.sin((c * (i + 1) + r * (3 - i)) / (7 + 5 * k) + k)) - 127) / 128;
const input = tf.tensor4d(x, [3, side, side, 3]);
const f = net.infer(input, (v: Tensor4D, s) => net.architecture.features(v, s)).arraySync() as number[][];
const l = net.infer(input).arraySync() as number[][];
const diff = (a: number[][], b: number[][]) => Math.max(...a.flatMap((row, i) => row.map((v, j) => Math.abs(v - b[i][j]))));
console.log('features', diff(f, known.features), Math.max(...known.features.flat()), 'logits', diff(l, known.logits), Math.max(...known.logits.flat()));
for (const b of [4, 8, 16, 32]) {
  const batch = tf.randomUniform([b, side, side, 3]) as Tensor4D;
  for (let i = 0; i < 2; i++) net.infer(batch).dataSync();
  const t = performance.now();
  const n = Math.ceil(160 / b);
  for (let i = 0; i < n; i++) net.infer(batch, (v, s) => net.architecture.features(v, s)).dataSync();
  console.log('infer', b, ((n * b * 1000) / (performance.now() - t)).toFixed(1));
}
for (const [s, b] of [[224, 8], [160, 16], [128, 16]]) {
  const batch = tf.randomUniform([b, s, s, 3]) as Tensor4D;
  const step = () => tf.tidy(() => { const { grads } = tf.variableGrads(() => { const p = net.train(batch, [1]); const l = tf.mean(p.y) as any; p.forget(); return l; }, [net.weights]); Object.values(grads)[0].dataSync(); });
  step();
  const t = performance.now();
  for (let i = 0; i < 4; i++) step();
  console.log('train', s, b, ((4 * b * 1000) / (performance.now() - t)).toFixed(1));
}
