/** Actions on classifiers: training, evaluation, export. */
import { app } from '../state/app.svelte.ts';
import type { Training } from '../state/training.svelte.ts';
import type { Action } from './action.ts';
import { suspects, view } from './contexts.ts';
import { enter } from './places.ts';

const training = () => app.training as Training;
const canTrain = () => view().classes.length > 1;
const isTrained = () => training().result?.state === 'done';

/** Enters the place and starts a job there. */
const starting = (id: string, title: string, place: string, start: () => unknown): Action => ({
  id,
  title,
  keys: [],
  group: 'Train',
  context: 'folder',
  when: canTrain,
  run: () => {
    enter(place);
    void start();
  },
});

export const train: readonly Action[] = [
  starting('train-classifier', 'Train a classifier', 'train', () => training().train()),
  starting('find-rate', 'Find a learning rate', 'train', () => training().findRate()),
  starting('judge-labels', 'Find label errors', 'labels', () => suspects().search()),
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
