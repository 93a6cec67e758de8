/** Actions that change how images are shown (loupe, comparison, zoom), and the theme of the window. */
import { explanationTitles } from '../../src-main/contract/inside.ts';
import { zoomStep } from '../state/loupe.svelte.ts';
import { app } from '../state/app.svelte.ts';
import { settings } from '../state/settings.svelte.ts';
import type { Action } from './action.ts';
import { judgement, view, why } from './contexts.ts';
import { enter } from './places.ts';

/** Cycles from the grid to two or four images, depending on the selection, then to four, then back to the grid. */
const compare = () => {
  const { loupe, selection } = view();
  const first = selection.size > 2 ? 'compare4' : 'compare2';
  loupe.mode = loupe.mode === 'compare2' ? 'compare4' : loupe.mode === 'compare4' ? 'grid' : first;
};

export const look: readonly Action[] = [
  {
    id: 'loupe',
    title: 'Loupe',
    keys: ['enter'],
    group: 'Look',
    context: 'cursor',
    run: () => void (view().loupe.mode = view().loupe.mode === 'loupe' ? 'grid' : 'loupe'),
  },
  {
    id: 'alike',
    title: 'More like this',
    keys: ['q'],
    group: 'Look',
    context: 'chosen',
    run: () => view().lookAlike(),
  },
  {
    id: 'evaluate',
    title: 'Evaluate the ranking against the truth',
    keys: ['shift+e'],
    group: 'Look',
    context: 'folder',
    when: () => view().scored !== null,
    run: () => {
      const wasOpen = view().place.id === 'anomalies' && judgement().isOpen;
      enter('anomalies');
      if (!wasOpen) judgement().open();
    },
  },
  {
    id: 'compare',
    title: 'Compare two or four images',
    keys: ['c'],
    group: 'Look',
    context: 'images',
    when: () => view().shown.length > 1 && (view().current !== null || view().selection.size > 1),
    run: compare,
  },
  {
    id: 'zoom',
    title: 'Fit or 100 %',
    keys: ['z'],
    group: 'Look',
    context: 'cursor',
    run: () => (view().loupe.mode === 'grid' ? void (view().loupe.mode = 'loupe') : view().loupe.toggleZoom()),
  },
  {
    id: 'error-map',
    title: 'Error map over the image',
    keys: ['shift+m'],
    group: 'Look',
    context: 'large',
    when: () => app.mapRun !== null && !view().loupe.isComparing,
    run: () => settings.toggleMap(),
  },
  {
    id: 'unlike',
    title: 'Unlike this: the nearest normal patch',
    keys: ['shift+q'],
    group: 'Look',
    context: 'large',
    when: () => app.unlikeRun !== null && settings.showsMap && !view().loupe.isComparing,
    run: () => settings.toggleUnlike(),
  },
  {
    id: 'why',
    title: 'Why this image',
    keywords: [
      ...Object.values(explanationTitles),
      'heat map',
      'explain',
      'saliency',
      'attention',
      'class activation map',
    ],
    keys: ['shift+enter'],
    group: 'Look',
    context: 'folder',
    run: () => why().look(),
  },
  {
    id: 'why-overlay',
    title: 'Heat maps over the images: why',
    keywords: ['grad-cam on the tiles', 'explanations'],
    keys: ['shift+w'],
    group: 'Look',
    context: 'images',
    when: () => why().run !== null,
    run: () => why().toggle(),
  },
  {
    id: 'export-maps',
    title: 'Export masks or error maps',
    keys: [],
    group: 'Folder',
    context: 'folder',
    opensDialog: true,
    when: () => app.mapRun !== null,
    run: () => void (app.dialog = 'export-maps'),
  },
  {
    id: 'saved-detector',
    title: 'Use a saved detector',
    keys: [],
    group: 'Folder',
    context: 'folder',
    opensDialog: true,
    run: () => void (app.dialog = 'saved-detector'),
  },
  {
    id: 'export-detector',
    title: 'Export the detector',
    keys: [],
    group: 'Folder',
    context: 'folder',
    opensDialog: true,
    when: () => view().scored !== null,
    run: () => void (app.dialog = 'export-detector'),
  },
  {
    id: 'fit',
    title: 'Whole image',
    keys: ['shift+z'],
    group: 'Look',
    context: 'large',
    run: () => view().loupe.fit(),
  },
  {
    id: 'zoom-in',
    title: 'Zoom in',
    keys: ['+', '='],
    group: 'Look',
    context: 'large',
    run: () => view().loupe.zoomBy(zoomStep),
  },
  {
    id: 'zoom-out',
    title: 'Zoom out',
    keys: ['-'],
    group: 'Look',
    context: 'large',
    run: () => view().loupe.zoomBy(1 / zoomStep),
  },
  {
    id: 'rotate-left',
    title: 'Rotate the view left',
    keys: ['['],
    group: 'Look',
    context: 'large',
    run: () => view().loupe.rotate(-90),
  },
  {
    id: 'rotate-right',
    title: 'Rotate the view right',
    keys: [']'],
    group: 'Look',
    context: 'large',
    run: () => view().loupe.rotate(90),
  },
  {
    id: 'panels',
    title: 'Hide or show the side panels',
    keys: ['f'],
    group: 'Look',
    menu: 'View',
    context: 'folder',
    run: () => void (settings.panels = !settings.panels),
  },
  {
    id: 'theme',
    title: 'Dark or light',
    keys: ['ctrl+shift+l'],
    group: 'Look',
    menu: 'View',
    context: 'window',
    run: () => settings.toggleTheme(),
  },
];
