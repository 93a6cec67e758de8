/** Export with `labels.csv`: path, label and split, as read by pandas, fastai, AutoGluon and Keras' flow_from_dataframe. */
import type { WriteCsv } from '../contract/csv.ts';
import { treePath, type Entry, type Format, type Text } from './format.ts';

export const csv: Format = {
  id: 'csv',
  title: 'CSV',
  summary: 'The same subfolders, and labels.csv with path, label and split of each image.',
  unsplit: null,
  unlabelled: null,
  pathOf: treePath,
  files: (entries, csv) => ({ 'labels.csv': lines(entries, csv) }),
};

function* lines(entries: readonly Entry[], csv: WriteCsv): Text {
  yield csv(['path', 'label', 'split']);
  for (const { path, sample, split } of entries) yield csv([path, sample.class, split]);
}
