/** Results of the checks: an overview, or the images that one check flags. */
import FileWarning from '@lucide/svelte/icons/file-warning';
import Checks from '../panels/Checks.svelte';
import Gallery from '../panels/Gallery.svelte';
import Issues from '../panels/Issues.svelte';
import type { Place } from '../state/place.ts';

export const issues: Place = {
  id: 'issues',
  title: 'Issues',
  icon: FileWarning,
  keys: ['i'],
  left: { title: 'Checks', panel: Checks },
  middle: ({ check }) => (check ? Gallery : Issues),
  isBrowsing: ({ check }) => check !== null,
  lens({ session, checkId, draggedThreshold }) {
    const check = session.checks.find(({ id }) => id === checkId);
    return check
      ? {
          column: check.id,
          descending: true,
          threshold: draggedThreshold ?? check.threshold,
          isFiltering: true,
          check,
        }
      : null;
  },
  badge: ({ issues: unreadable, checks }) => ({
    count: unreadable.length + checks.reduce((sum, { flagged }) => sum + flagged, 0),
    isWarning: unreadable.length > 0,
  }),
  reopen: (view) => void (view.checkId = null),
};
