/** Where the layers of a network are drawn: blocks by names, branches beside the main path, shortcuts along the side. */
import { describe, expect, test } from 'vitest';
import { blocksAround, blocksIn, blocksOf, openAtFirst, outputOf } from '../../src-renderer/lib/network-blocks.ts';
import {
  inputName,
  layoutNetwork,
  nodeHeight,
  nodeWidth,
  type NetworkLayout,
} from '../../src-renderer/lib/network-layout.ts';

interface Made {
  name: string;
  kind: string;
  output: number[];
  from: string[];
}
const layer = (name: string, from: string | string[], kind = 'convolution', output = [8, 8, 4]): Made => ({
  name,
  kind,
  output,
  from: [from].flat(),
});

/** A stem, two residual blocks (the first with a convolution in the shortcut and squeeze-and-excitation), and a head. */
const residual: Made[] = [
  layer('stem', inputName),
  layer('stage0/block0/first', 'stem'),
  layer('stage0/block0/second', 'stage0/block0/first'),
  layer('stage0/block0/se/mean', 'stage0/block0/second', 'average pooling', [4]),
  layer('stage0/block0/se/squeeze', 'stage0/block0/se/mean', 'dense', [1]),
  layer('stage0/block0/se/excite', 'stage0/block0/se/squeeze', 'dense', [4]),
  layer('stage0/block0/se', ['stage0/block0/second', 'stage0/block0/se/excite'], 'scaling'),
  layer('stage0/block0/past', 'stem'),
  layer('stage0/block0/add', ['stage0/block0/se', 'stage0/block0/past'], 'addition'),
  layer('stage0/block1/first', 'stage0/block0/add'),
  layer('stage0/block1/second', 'stage0/block1/first'),
  layer('stage0/block1/add', ['stage0/block1/second', 'stage0/block0/add'], 'addition'),
  layer('mean', 'stage0/block1/add', 'average pooling', [4]),
  layer('head', 'mean', 'dense', [10]),
];
const blocks = blocksOf(residual);
const every = new Set(blocksIn(blocks).map(({ id }) => id));
const open = layoutNetwork(residual, blocks, every);
const at = ({ nodes, frames }: NetworkLayout, id: string) => [...nodes, ...frames].find(({ item }) => item.id === id)!;
const middle = (id: string, of = open) => at(of, id).x + at(of, id).width / 2;

/** No two nodes overlap, nodes are inside the frames of their blocks, all is inside the picture, and edges lead down. */
function checkLayout(layout: NetworkLayout) {
  const { nodes, frames } = layout;
  for (const [i, a] of nodes.entries())
    for (const b of nodes.slice(i + 1))
      expect(
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y,
        `${a.item.id} and ${b.item.id}`,
      ).toBe(true);
  for (const frame of frames)
    for (const node of nodes.filter(({ item }) => frame.item.layers.includes(item.layers[0]))) {
      expect(node.x).toBeGreaterThanOrEqual(frame.x);
      expect(node.y).toBeGreaterThanOrEqual(frame.y);
      expect(node.x + node.width).toBeLessThanOrEqual(frame.x + frame.width);
      expect(node.y + node.height).toBeLessThanOrEqual(frame.y + frame.height);
    }
  for (const { x, y, width, height } of [...nodes, ...frames]) {
    expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
    expect(x + width).toBeLessThanOrEqual(layout.width);
    expect(y + height).toBeLessThanOrEqual(layout.height);
  }
  for (const { path } of layout.edges) {
    const numbers = path.match(/-?[\d.]+/g)!.map(Number);
    expect(numbers.every(Number.isFinite)).toBe(true);
    expect(numbers.at(-1)!, path).toBeGreaterThan(numbers[1]); // down
  }
}

describe('blocks', () => {
  test('follow the names; a layer with one more behind it is no block', () => {
    expect(blocks.map(({ id }) => id)).toEqual(['stem', 'stage0/', 'mean', 'head']);
    expect(blocksIn(blocks).map(({ id, label }) => [id, label])).toEqual([
      ['stage0/', 'stage0'],
      ['stage0/block0/', 'block0'],
      ['stage0/block0/se/', 'se'],
      ['stage0/block1/', 'block1'],
    ]);
    expect(blocksOf([{ name: 'encode0' }, { name: 'encode0/pool' }]).map(({ id }) => id)).toEqual([
      'encode0',
      'encode0/pool',
    ]);
    expect(blocksOf([{ name: 'a/b/c' }, { name: 'a/b/d' }])).toMatchObject([{ id: 'a/b/', label: 'a/b' }]);
  });

  test('at first, outer blocks are open as long as few items are shown', () => {
    expect([...openAtFirst(blocks, 4)]).toEqual([]);
    expect([...openAtFirst(blocks, 5)]).toEqual(['stage0/']);
    expect([...openAtFirst(blocks, 100)]).toEqual([...every].sort((a, b) => a.split('/').length - b.split('/').length));
    expect(blocksAround(blocks, 'stage0/block0/se/mean')).toEqual(['stage0/', 'stage0/block0/', 'stage0/block0/se/']);
  });
});

describe('layout', () => {
  test('open and folded: everything has its place', () => {
    checkLayout(open);
    checkLayout(layoutNetwork(residual, blocks, new Set()));
    checkLayout(layoutNetwork(residual, blocks, new Set(['stage0/', 'stage0/block1/'])));
    expect(open.nodes.map(({ item }) => item.id).sort()).toEqual(
      [inputName, ...residual.map(({ name }) => name)].sort(),
    );
    for (const { width, height } of open.nodes) expect([width, height]).toEqual([nodeWidth, nodeHeight]);
  });

  test('the main path is one straight line, and what computes factors or shortcuts is beside it', () => {
    const main = [
      'stem',
      'stage0/block0/first',
      'stage0/block0/second',
      'stage0/block0/se',
      'stage0/block0/add',
      'head',
    ];
    expect(new Set(main.map((id) => Math.round(middle(id)))).size).toBe(1);
    for (const id of ['stage0/block0/se/excite', 'stage0/block0/past'])
      expect(at(open, id).x).toBeGreaterThan(at(open, 'stage0/block0/first').x + nodeWidth);
  });

  test('each reading is one edge; a shortcut passes its block, and a folded block has one edge', () => {
    const edges = (layout: NetworkLayout) => layout.edges.map(({ from, to }) => `${from} ${to}`);
    expect(edges(open)).toContain('stage0/block0/ stage0/block1/');
    const shortcut = open.edges.filter(({ to }) => to === 'stage0/block1/add');
    expect(shortcut.map(({ isPast }) => isPast).sort()).toEqual([false, true]);
    const folded = layoutNetwork(residual, blocks, new Set());
    expect(edges(folded)).toEqual(['input stem', 'stem stage0/', 'stage0/ mean', 'mean head']);
    expect(folded.order).toEqual(['input', 'stem', 'stage0/', 'mean', 'head']);
    expect(open.order.slice(0, 5)).toEqual(['input', 'stem', 'stage0/', 'stage0/block0/', 'stage0/block0/first']);
  });

  test('skips of an autoencoder run beside each other', () => {
    const layers = [
      layer('first', inputName),
      layer('encode0', 'first'),
      layer('encode1', 'encode0'),
      layer('decode0', 'encode1'),
      layer('decode0/add', ['decode0', 'encode0'], 'addition'),
      layer('decode1', 'decode0/add'),
      layer('decode1/add', ['decode1', 'first'], 'addition'),
    ];
    const layout = layoutNetwork(layers, blocksOf(layers), new Set());
    checkLayout(layout);
    const past = layout.edges.filter(({ isPast }) => isPast);
    expect(past.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(['encode0 decode0/add', 'first decode1/add']);
    const rightOf = (path: string) =>
      Math.max(...path.match(/-?[\d.]+ -?[\d.]+/g)!.map((pair) => Number.parseFloat(pair)));
    expect(new Set(past.map(({ path }) => rightOf(path))).size).toBe(2);
  });
});

test('the output of a block is that of its last layer that others read, with places if there is one', () => {
  const ofBlock = (id: string, network = residual) =>
    outputOf(
      blocksIn(blocksOf(network)).find((block) => block.id === id)!,
      network,
    )?.name;
  expect(ofBlock('stage0/')).toBe('stage0/block1/add');
  expect(ofBlock('stage0/block0/')).toBe('stage0/block0/add');
  // The classes read the mean of the stage, the next layer reads its maps.
  const levels = [
    layer('stage0/first', inputName),
    layer('stage0/mean', 'stage0/first', 'average pooling', [4]),
    layer('last', 'stage0/first'),
    layer('head', ['last', 'stage0/mean'], 'dense', [10]),
  ];
  expect(ofBlock('stage0/', levels)).toBe('stage0/first');
  // What nobody reads ends the network.
  expect(
    ofBlock('tail/', [layer('tail/mean', inputName, 'mean', [4]), layer('tail/head', 'tail/mean', 'dense', [9])]),
  ).toBe('tail/head');
});
