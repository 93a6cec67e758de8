/** The panes that show one image of a run side by side: the original and the outputs of the run's method. */
import type { ScorerOutputs } from '../../src-main/contract/types.ts';

export interface Pane {
  kind: 'original' | 'reconstruction' | 'map' | 'overlay';
  title: string;
}

export function panesOf({ map, reconstruction }: ScorerOutputs): Pane[] {
  const panes: Pane[] = [{ kind: 'original', title: 'Original' }];
  if (reconstruction) panes.push({ kind: 'reconstruction', title: 'Reconstruction' });
  if (map) panes.push({ kind: 'map', title: map.title }, { kind: 'overlay', title: 'Overlay' });
  return panes;
}

/** In how many columns the panes of an image stand: tall images side by side, wide ones below each other. */
export function columnsOf(panes: number, { width, height }: { width: number; height: number }): number {
  const aspect = width / height;
  return aspect < 0.6 ? panes : aspect > 2 ? 1 : Math.min(2, panes);
}
