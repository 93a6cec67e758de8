/**
 * Where the layers of a network are drawn: from the top down, in blocks that are folded or open. Layers in a row are at the same depth of their block; the main
 * path is a straight line, short branches are beside it, and shortcuts run along the right side. All lengths are in px.
 */
import { largestOf } from '../../src-main/contract/numbers.ts';
import type { NetworkLayer } from '../../src-main/contract/inside.ts';
import type { Block, Item, Leaf } from './network-blocks.ts';

/** The name of the image among the layers. */
export const inputName = 'input';

interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}
/** A layer, or a folded block. */
export interface PlacedNode extends Rectangle {
  item: Item;
  /** Blocks around it. */
  depth: number;
}
/** An open block. */
export interface PlacedFrame extends Rectangle {
  item: Block;
  depth: number;
}
export interface PlacedEdge {
  from: string;
  to: string;
  /** The `d` of an SVG path. */
  path: string;
  /** It passes layers of its block: a shortcut, or a branch. */
  isPast: boolean;
}
export interface NetworkLayout {
  width: number;
  height: number;
  nodes: readonly PlacedNode[];
  frames: readonly PlacedFrame[];
  edges: readonly PlacedEdge[];
  /** Ids of nodes and frames in the order of computation, a frame before what is in it. */
  order: readonly string[];
}

export const nodeWidth = 216;
export const nodeHeight = 44;
const rowGap = 24;
const laneGap = 32;
const headHeight = 32;
const padding = 14;
const trackGap = 14;
const corner = 7;

type Layer = Pick<NetworkLayer, 'name' | 'kind' | 'output' | 'from'>;

interface Placed {
  width: number;
  height: number;
  /** The x of the main path. */
  axis: number;
  nodes: PlacedNode[];
  frames: PlacedFrame[];
  edges: PlacedEdge[];
  order: string[];
}

interface Cell {
  item: Item;
  rank: number;
  lane: number;
  /** Its content, if it is an open block. */
  inner: Placed | null;
  width: number;
  height: number;
  axis: number;
  x: number;
  y: number;
}

/** `open`: ids of the open blocks. */
export function layoutNetwork(
  layers: readonly Layer[],
  items: readonly Item[],
  open: ReadonlySet<string>,
): NetworkLayout {
  const input: Leaf = { kind: 'layer', id: inputName, label: 'image', layers: [inputName] };
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const { width, height, nodes, frames, edges, order } = place([input, ...items], byName, open, 0);
  return { width, height, nodes, frames, edges, order };
}

const entry = '\0entry';
const exit = '\0exit';

/** Places the items of one block, or of the whole network at depth 0. */
function place(
  items: readonly Item[],
  layers: ReadonlyMap<string, Layer>,
  open: ReadonlySet<string>,
  depth: number,
): Placed {
  const links = linksOf(items, layers, depth > 0);
  const ranks = ranksOf(items, links);
  const lanes = lanesOf(items, links, ranks, layers);
  const cells = items.map((item): Cell => {
    const inner = item.kind === 'block' && open.has(item.id) ? place(item.children, layers, open, depth + 1) : null;
    return {
      item,
      rank: ranks.get(item.id)!,
      lane: lanes.get(item.id)!,
      inner,
      width: inner ? inner.width + 2 * padding : nodeWidth,
      height: inner ? headHeight + inner.height + padding / 2 : nodeHeight,
      axis: inner ? inner.axis + padding : nodeWidth / 2,
      x: 0,
      y: 0,
    };
  });
  const axes = placeLanes(cells);
  const { rows, bottom } = placeRows(cells, depth > 0);
  const right = largestOf(cells.map(({ x, width }) => x + width));
  const byId = new Map(cells.map((cell) => [cell.item.id, cell]));
  const routed = route(links, byId, { axes, rows, right, bottom, headHeight: depth > 0 ? headHeight : 0 });
  return collect(cells, routed, { width: routed.right, height: bottom, axis: axes[0] }, depth);
}

interface Link {
  from: string;
  to: string;
}

/** Which item reads which. What comes from outside of the block comes from `entry`, what is read outside goes to `exit`. */
function linksOf(items: readonly Item[], layers: ReadonlyMap<string, Layer>, isBlock: boolean): Link[] {
  const owner = new Map(items.flatMap((item) => item.layers.map((name) => [name, item.id] as const)));
  const links = new Map<string, Link>();
  const add = (from: string, to: string) => from !== to && links.set(`${from}\0${to}`, { from, to });
  for (const item of items)
    for (const name of item.layers)
      for (const source of layers.get(name)?.from ?? []) {
        const from = owner.get(source);
        if (from !== undefined || isBlock) add(from ?? entry, item.id);
      }
  if (isBlock) {
    const isRead = new Set<string>();
    for (const { name, from } of layers.values())
      for (const source of from) {
        const to = owner.get(name);
        const own = owner.get(source);
        if (own === undefined) continue;
        isRead.add(own);
        if (to === undefined) add(own, exit);
      }
    for (const { id } of items) if (!isRead.has(id)) add(id, exit);
  }
  return [...links.values()];
}

/** The longest way from the beginning to each item. */
function ranksOf(items: readonly Item[], links: readonly Link[]): Map<string, number> {
  const ranks = new Map<string, number>();
  for (const { id } of items) {
    const before = links.filter(({ to }) => to === id).map(({ from }) => ranks.get(from) ?? -1);
    ranks.set(id, 1 + largestOf(before, -1));
  }
  return ranks;
}

/** Lane 0 is the main path: back from the end, along the branch with the most layers. A scaling continues its feature map, not its factors. */
function lanesOf(
  items: readonly Item[],
  links: readonly Link[],
  ranks: ReadonlyMap<string, number>,
  layers: ReadonlyMap<string, Layer>,
): Map<string, number> {
  const byId = new Map(items.map((item) => [item.id, item]));
  const lanes = new Map<string, number>();
  const isMap = (id: string): boolean => (layers.get(byId.get(id)!.layers.at(-1)!)?.output.length ?? 3) > 1;
  /** A scaling of what comes from outside: its factors are computed beside it. */
  const scalesEntry = (id: string): boolean =>
    layers.get(id)?.kind === 'scaling' && links.some(({ from, to }) => to === id && from === entry);
  const mainSource = (id: string): string | undefined => {
    if (scalesEntry(id)) return undefined;
    const sources = links.filter(({ from, to }) => to === id && byId.has(from)).map(({ from }) => from);
    const isScaling = layers.get(id)?.kind === 'scaling';
    const weight = (source: string) => (isScaling && isMap(source) ? 1e6 : 0) + ranks.get(source)!;
    return sources.sort((a, b) => weight(b) - weight(a))[0];
  };
  const taken: { lane: number; low: number; high: number }[] = [];
  for (const end of items.toReversed()) {
    if (lanes.has(end.id)) continue;
    const chain: string[] = [];
    for (let at: string | undefined = end.id; at !== undefined && !lanes.has(at); at = mainSource(at)) chain.push(at);
    const begin = chain.at(-1)!;
    const [low, high] = [scalesEntry(begin) ? 0 : ranks.get(begin)!, ranks.get(chain[0])!];
    let lane = 0;
    while (taken.some((own) => own.lane === lane && own.low <= high && own.high >= low)) lane++;
    taken.push({ lane, low, high });
    for (const id of chain) lanes.set(id, lane);
  }
  return lanes;
}

/** Sets `x`; returns the axis of each lane. */
function placeLanes(cells: readonly Cell[]): number[] {
  const axes: number[] = [];
  let left = 0;
  for (let lane = 0; lane <= largestOf(cells.map((cell) => cell.lane)); lane++) {
    const own = cells.filter((cell) => cell.lane === lane);
    axes[lane] = left + largestOf(own.map(({ axis }) => axis));
    left = axes[lane] + largestOf(own.map(({ axis, width }) => width - axis)) + laneGap;
    for (const cell of own) cell.x = axes[lane] - cell.axis;
  }
  return axes;
}

/** Sets `y`; returns the top and bottom of each row. */
function placeRows(cells: readonly Cell[], isBlock: boolean) {
  const rows: { top: number; bottom: number }[] = [];
  let top = isBlock ? rowGap / 2 : 0;
  for (let rank = 0; rank <= largestOf(cells.map((cell) => cell.rank)); rank++) {
    const own = cells.filter((cell) => cell.rank === rank);
    const height = largestOf(own.map((cell) => cell.height));
    for (const cell of own) cell.y = top + (height - cell.height) / 2;
    rows[rank] = { top, bottom: top + height };
    top += height + rowGap;
  }
  return { rows, bottom: top - rowGap + (isBlock ? rowGap / 2 : 0) };
}

interface Grid {
  axes: readonly number[];
  rows: readonly { top: number; bottom: number }[];
  right: number;
  bottom: number;
  headHeight: number;
}

/** Paths of the edges, and the right side of all. */
function route(links: readonly Link[], cells: ReadonlyMap<string, Cell>, grid: Grid) {
  const { axes, rows, headHeight: head } = grid;
  const end = rows.length;
  const rankOf = (id: string) => (id === entry ? -1 : id === exit ? end : cells.get(id)!.rank);
  const laneOf = (id: string) => cells.get(id)?.lane ?? 0;
  const isFree = (lane: number, from: number, to: number) =>
    ![...cells.values()].some((cell) => cell.lane === lane && cell.rank > from && cell.rank < to);
  const bottomOf = (id: string) => (id === entry ? -head : cells.get(id)!.y + cells.get(id)!.height);
  const topOf = (id: string) => (id === exit ? grid.bottom + (head ? padding / 2 : 0) : cells.get(id)!.y);
  /** The lines between the rows. */
  const above = (id: string) =>
    (id === exit ? rows[end - 1].bottom : rows[rankOf(id)].top) - rowGap / 2 + (id === exit ? rowGap * 0.75 : 0);
  const below = (id: string) => (id === entry ? rows[0].top - rowGap / 2 : rows[rankOf(id)].bottom + rowGap / 2);
  const hasRight = (id: string) => {
    const cell = cells.get(id);
    if (!cell || cell.inner) return true; // nothing joins at the side
    return [...cells.values()].some(({ rank, lane }) => rank === cell.rank && lane > cell.lane);
  };

  const tracks: { low: number; high: number }[][] = [];
  const trackOf = (low: number, high: number): number => {
    let at = tracks.findIndex((own) => own.every((other) => other.high <= low || other.low >= high));
    if (at < 0) at = tracks.push([]) - 1;
    tracks[at].push({ low, high });
    return grid.right + trackGap * (at + 1);
  };
  const edges = links
    .map((link) => ({ ...link, low: rankOf(link.from), high: rankOf(link.to) }))
    .sort((a, b) => a.high - a.low - (b.high - b.low))
    .map(({ from, to, low, high }): PlacedEdge => {
      const [source, target] = [axes[laneOf(from)], axes[laneOf(to)]];
      const points: [number, number][] = [];
      let isPast = high - low > 1;
      if (high > low && isFree(laneOf(from), low, high)) {
        points.push([source, bottomOf(from)]);
        if (source !== target) points.push([source, above(to)], [target, above(to)]);
        points.push([target, topOf(to)]);
      } else if (high > low && isFree(laneOf(to), low, high)) {
        points.push([source, bottomOf(from)], [source, below(from)], [target, below(from)], [target, topOf(to)]);
      } else {
        isPast = true;
        const x = trackOf(low, high);
        const [start, stop] = [cells.get(from), cells.get(to)];
        if (start && !hasRight(from)) points.push([start.x + start.width, start.y + start.height / 2]);
        else points.push([source, bottomOf(from)], [source, below(from)]);
        points.push([x, points.at(-1)![1]]);
        if (stop && !hasRight(to)) {
          const y = stop.y + stop.height / 2;
          points.push([x, y], [stop.x + stop.width, y]);
        } else points.push([x, above(to)], [target, above(to)], [target, topOf(to)]);
      }
      return { from, to, path: rounded(points), isPast };
    });
  return { edges, right: grid.right + (tracks.length ? trackGap * tracks.length + padding / 2 : 0) };
}

/** A line through points, with round corners. */
function rounded(points: readonly (readonly [number, number])[]): string {
  const at = ([x, y]: readonly [number, number]) => `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`;
  let path = `M${at(points[0])}`;
  for (let i = 1; i < points.length - 1; i++) {
    const [before, here, after] = [points[i - 1], points[i], points[i + 1]];
    const towards = (other: readonly [number, number]): readonly [number, number] => {
      const distance = Math.hypot(other[0] - here[0], other[1] - here[1]);
      const share = distance ? Math.min(corner, distance / 2) / distance : 0;
      return [here[0] + (other[0] - here[0]) * share, here[1] + (other[1] - here[1]) * share];
    };
    path += `L${at(towards(before))}Q${at(here)} ${at(towards(after))}`;
  }
  return `${path}L${at(points.at(-1)!)}`;
}

/** Items and the content of open blocks, in the coordinates of the block. */
function collect(
  cells: readonly Cell[],
  { edges }: { edges: PlacedEdge[] },
  size: { width: number; height: number; axis: number },
  depth: number,
): Placed {
  const placed: Placed = { ...size, nodes: [], frames: [], edges: [], order: [] };
  for (const { item, inner, x, y, width, height } of cells) {
    placed.order.push(item.id);
    if (!inner || item.kind !== 'block') {
      placed.nodes.push({ item, depth, x, y, width, height });
      continue;
    }
    const [dx, dy] = [x + padding, y + headHeight];
    placed.frames.push({ item, depth, x, y, width, height });
    placed.nodes.push(...inner.nodes.map((node) => ({ ...node, x: node.x + dx, y: node.y + dy })));
    placed.frames.push(...inner.frames.map((frame) => ({ ...frame, x: frame.x + dx, y: frame.y + dy })));
    placed.edges.push(...inner.edges.map((edge) => ({ ...edge, path: moved(edge.path, dx, dy) })));
    placed.order.push(...inner.order);
  }
  placed.edges.push(...edges);
  return placed;
}

/** A path moved; it has only pairs of absolute coordinates. */
const moved = (path: string, dx: number, dy: number): string =>
  path.replace(/(-?[\d.]+) (-?[\d.]+)/g, (_, x: string, y: string) => `${Number(x) + dx} ${Number(y) + dy}`);
