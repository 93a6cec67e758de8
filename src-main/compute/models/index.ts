/** The registry of classifier architectures. A new one is one file and one entry here. Importing this module loads no tensors. */
import { alexnet } from './alexnet.ts';
import { cnn } from './cnn.ts';
import { efficientNetLite0 } from './efficientnet-lite.ts';
import { mlp } from './mlp.ts';
import type { ModelRecord } from './model.ts';
import { resnet, seResnet } from './resnet.ts';
import { vgg } from './vgg.ts';
import { vit } from './vit.ts';

export type { Classifier, ModelRecord } from './model.ts';

export const models: readonly ModelRecord[] = [cnn, resnet, seResnet, efficientNetLite0, vit, vgg, alexnet, mlp];

/** Undefined if no architecture has this id. */
export const modelOf = (id: string): ModelRecord | undefined => models.find((model) => model.id === id);
