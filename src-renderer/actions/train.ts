/** Actions on classifiers: training, evaluation, export. */
import { app } from '../state/app.svelte.ts';
import type { Training } from '../state/training.svelte.ts';
import type { Action } from './action.ts';
import { suspects, view } from './contexts.ts';
import { enter } from './places.ts';

const training = () => app.training as Training;
const canTrain = () => view().classes.length > 1;
const isTrained = () => training().result?.state === 'done';

export const train: readonly Action[] = [
  {
    id: 'train-classifier',
    title: 'Train a classifier',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: canTrain,
    run: () => {
      enter('train');
      void training().train();
    },
  },
  {
    id: 'find-rate',
    title: 'Find a learning rate',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: canTrain,
    run: () => {
      enter('train');
      void training().findRate();
    },
  },
  {
    id: 'judge-labels',
    title: 'Find label errors',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: canTrain,
    run: () => {
      enter('labels');
      void suspects().search();
    },
  },
  {
    id: 'export-model',
    title: 'Export the model',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: isTrained,
    run: () => void (app.dialog = 'export-model'),
  },
  {
    id: 'predict',
    title: 'Predict all images',
    keys: [],
    group: 'Train',
    context: 'folder',
    when: isTrained,
    run: () => training().predict(),
  },
];
