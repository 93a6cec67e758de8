/** The blocks of a network, by the names of its layers, which are paths: `stage1/block0/first`. */

export interface Leaf {
  kind: 'layer';
  /** The name of the layer. */
  id: string;
  label: string;
  layers: readonly string[];
}
export interface Block {
  kind: 'block';
  /** The common beginning of the names of its layers, with a slash at the end. */
  id: string;
  label: string;
  /** In the order of computation. */
  layers: readonly string[];
  children: readonly Item[];
}
export type Item = Leaf | Block;

/** The blocks of layers by their names. A layer with one more behind it, such as its pooling, is no block. */
export function blocksOf(layers: readonly { name: string }[]): readonly Item[] {
  return itemsOf(
    layers.map(({ name }) => name),
    '',
  );
}

function itemsOf(names: readonly string[], prefix: string): Item[] {
  const leaf = (name: string): Leaf => ({
    kind: 'layer',
    id: name,
    label: name.startsWith(prefix) ? name.slice(prefix.length) : name.slice(name.lastIndexOf('/') + 1),
    layers: [name],
  });
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const part = name.startsWith(prefix) ? name.slice(prefix.length).split('/')[0] : name;
    const key = name.startsWith(prefix) ? prefix + part : name;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups].flatMap(([key, members]): Item[] => {
    if (members.length === 1 || key + '/' === prefix) return members.map(leaf);
    if (members.length === 2 && members.includes(key)) return members.map(leaf);
    const children = itemsOf(members, `${key}/`);
    const [only] = children;
    if (children.length === 1 && only.kind === 'block')
      return [{ ...only, label: `${key.slice(prefix.length)}/${only.label}` }];
    return [{ kind: 'block', id: `${key}/`, label: key.slice(prefix.length), layers: members, children }];
  });
}

/** All blocks, each before those in it. */
export const blocksIn = (items: readonly Item[]): Block[] =>
  items.flatMap((item) => (item.kind === 'block' ? [item, ...blocksIn(item.children)] : []));

/** The blocks that are open at first: the outer ones, as long as no more than `most` items are shown. */
export function openAtFirst(items: readonly Item[], most: number): Set<string> {
  const open = new Set<string>();
  let shown = items.length;
  let level = items.filter((item) => item.kind === 'block');
  while (level.length) {
    const more = level.reduce((sum, { children }) => sum + children.length - 1, 0);
    if (shown + more > most) return open;
    shown += more;
    for (const { id } of level) open.add(id);
    level = level.flatMap(({ children }) => children.filter((item) => item.kind === 'block'));
  }
  return open;
}

/**
 * The layer whose output a layer or block gives to the rest of the network: the last one that is read from outside of it, if there is one with places.
 * A summary of a stage, which the classes read beside the last layer, is not its output.
 */
export function outputOf<Layer extends { name: string; from: readonly string[]; output: readonly number[] }>(
  { layers: names }: { layers: readonly string[] },
  network: readonly Layer[],
): Layer | null {
  const own = new Set(names);
  const readOutside = new Set(network.filter(({ name }) => !own.has(name)).flatMap(({ from }) => from));
  const inside = network.filter(({ name }) => own.has(name));
  const given = inside.filter(({ name }) => readOutside.has(name));
  return given.findLast(({ output }) => output.length > 1) ?? given.at(-1) ?? inside.at(-1) ?? null;
}

/** The blocks that must be open for a layer to be shown. */
export const blocksAround = (items: readonly Item[], layer: string): string[] =>
  blocksIn(items)
    .filter(({ layers }) => layers.includes(layer))
    .map(({ id }) => id);
