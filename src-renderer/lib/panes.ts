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
