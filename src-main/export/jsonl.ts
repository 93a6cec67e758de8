/**
 * Export with `metadata.jsonl` for Hugging Face's imagefolder: one object per line. `file_name` is relative to the metadata file, so each split's folder has its
 * own file.
 */
import { treePath, type Entry, type Format, type Text } from './format.ts';

const name = 'metadata.jsonl';

export const jsonl: Format = {
  id: 'jsonl',
  title: 'JSON Lines',
  summary:
    'The same subfolders, and metadata.jsonl with file_name and label of each image, in each split’s folder. For Hugging Face’s imagefolder.',
  unsplit: null,
  unlabelled: null,
  pathOf: treePath,
  files: (entries) => {
    const folders = Map.groupBy(entries, ({ path, split }) =>
      split !== null && path.startsWith(`${split}/`) ? `${split}/` : '',
    );
    return Object.fromEntries([...folders].map(([folder, inside]) => [`${folder}${name}`, lines(inside, folder)]));
  },
};

function* lines(entries: readonly Entry[], folder: string): Text {
  for (const { path, sample, split } of entries)
    yield `${JSON.stringify({ file_name: path.slice(folder.length), label: sample.class, split })}\n`;
}
