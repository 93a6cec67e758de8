/** Export with `labels.csv`: path, label and split, as pandas, fastai, AutoGluon and Keras' flow_from_dataframe read them. */
import { csvLine, treePath, type Entry, type Format, type Text } from './format.ts';

export const csv: Format = {
  id: 'csv',
  title: 'CSV',
  summary: 'The same sub-folders, and labels.csv with path, label and split of each image.',
  unsplit: null,
  unlabelled: null,
  pathOf: treePath,
  files: (entries) => ({ 'labels.csv': lines(entries) }),
};

function* lines(entries: readonly Entry[]): Text {
  yield csvLine(['path', 'label', 'split']);
  for (const { path, sample, split } of entries) yield csvLine([path, sample.class, split]);
}
