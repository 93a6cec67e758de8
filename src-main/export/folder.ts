/** Export as a folder: the source's folder tree, and nothing but the manifest. */
import { treePath, type Format } from './format.ts';

export const folder: Format = {
  id: 'folder',
  title: 'Folder',
  summary: 'The same subfolders, whatever the labels; with splits, inside train, val and test.',
  unsplit: null,
  unlabelled: null,
  ignoresClasses: true,
  pathOf: treePath,
  files: () => ({}),
};
