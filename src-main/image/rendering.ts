/** How the stored values of a folder's images become pixels. */
import type { Plane } from '../contract/plane.ts';
import type { Levels } from './levels.ts';

export interface Rendering {
  /** Of measurements, found by the last scan. */
  levels: Levels;
  /** Of stacks, chosen by a person. */
  plane: Plane;
}

/** Of a folder that has no measurements yet and no chosen plane. */
export const usualRendering: Rendering = { levels: {}, plane: {} };
const ofFolders = new Map<string, Rendering>();

/** That of an opened folder. */
export const folderRendering = (folder: string): Rendering => ofFolders.get(folder) ?? usualRendering;
export const setFolderRendering = (folder: string, part: Partial<Rendering>) =>
  void ofFolders.set(folder, { ...folderRendering(folder), ...part });
