/**
 * Export in COCO format: files under `images/`, and `annotations/instances.json` or one file per split. COCO has boxes but no image-level classes, so an image's
 * class is a box around the whole image. Ids count from 1 over all splits; categories are the same in every file. Sizes are after orientation, as readers
 * that apply EXIF expect. An image without a class has no annotation.
 */
import { treePath, type Entry, type Format, type Text } from './format.ts';

export const coco: Format = {
  id: 'coco',
  title: 'COCO',
  summary:
    'Files under images/, and annotations/instances.json, one for each split, with a box around each whole image.',
  unsplit: null,
  unlabelled: null,
  pathOf: (sample, where) => `images/${treePath(sample, where)}`,
  files: (entries) => {
    const ids = new Map(entries.map((entry, i) => [entry, i + 1]));
    const names = [...new Set(entries.flatMap(({ sample }) => sample.class ?? []))].sort();
    const categories = new Map(names.map((name, i) => [name, i + 1]));
    return Object.fromEntries(
      [...Map.groupBy(entries, ({ split }) => split)].map(([split, inside]) => [
        `annotations/instances${split === null ? '' : `_${split}`}.json`,
        document(inside, ids, categories),
      ]),
    );
  },
};

function* document(
  entries: readonly Entry[],
  ids: ReadonlyMap<Entry, number>,
  categories: ReadonlyMap<string, number>,
): Text {
  yield '{"info":{"description":"Exported by Winnow"},"licenses":[],\n"images":[';
  yield* list(
    entries.map((entry) => () => ({
      id: ids.get(entry),
      file_name: entry.path.replace(/^images\//, ''),
      width: entry.sample.width,
      height: entry.sample.height,
    })),
  );
  yield '],\n"annotations":[';
  yield* list(
    entries
      .filter(({ sample }) => sample.class !== null)
      .map((entry) => () => annotation(entry, ids.get(entry) as number, categories)),
  );
  yield '],\n"categories":[';
  yield* list([...categories].map(([name, id]) => () => ({ id, name, supercategory: 'image' })));
  yield ']}\n';
}

/** At most one annotation per image, so it has the image's id. */
function annotation(
  { sample: { width, height, class: name } }: Entry,
  id: number,
  categories: ReadonlyMap<string, number>,
) {
  return {
    id,
    image_id: id,
    category_id: categories.get(name as string),
    bbox: [0, 0, width, height],
    area: width * height,
    iscrowd: 0,
    segmentation: [[0, 0, width, 0, width, height, 0, height]],
  };
}

function* list(entries: readonly (() => object)[]): Text {
  for (const [i, entry] of entries.entries()) yield `${i ? ',' : ''}\n${JSON.stringify(entry())}`;
}
