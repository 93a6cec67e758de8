/** Export as a folder: the source's tree and the manifest. */
import { treePath, type Format } from './format.ts';

export const folder: Format = {
  id: 'folder',
  title: 'Folder',
  summary: 'The same sub-folders; with splits, inside train, val and test.',
  unsplit: null,
  unlabelled: null,
  pathOf: treePath,
  files: () => ({}),
};
