/**
 * Export for YOLO classification, also the layout of ImageNet and torchvision's ImageFolder: `<split>/<class>/<file>`. These readers number the classes by the
 * sorted folders that they find. So each split gets a folder for each class, even an empty one: a class missing in `val` would shift all later numbers.
 * Images without a class go to `unlabelled/` beside the splits, where no reader takes it for a class.
 */
import { baseName, type Format } from './format.ts';

export const yolo: Format = {
  id: 'yolo',
  title: 'YOLO classification',
  summary:
    'A folder for each class inside train, val and test; all in train where there are no splits. Images without a class go to ‘unlabelled’ beside them.',
  unsplit: 'train',
  unlabelled: 'unlabelled',
  pathOf: (sample, { split, folderOf }) =>
    `${split}/${sample.class === null ? '' : `${folderOf(sample.class)}/`}${baseName(sample.path)}`,
  files: () => ({}),
  folders: (entries, folderOf) => {
    const labelled = entries.filter(({ sample }) => sample.class !== null);
    const splits = new Set(labelled.map(({ split }) => split));
    const classes = new Set(labelled.map(({ sample }) => sample.class as string));
    return [...splits].flatMap((split) => [...classes].map((name) => `${split}/${folderOf(name)}`));
  },
};
