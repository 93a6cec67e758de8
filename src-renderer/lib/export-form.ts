/** The form of an export, and the request built from it. */
import type { ExportRequest } from '../../src-main/contract/schemas.ts';
import type { ExportPlan } from '../../src-main/contract/export-types.ts';
import { plural } from './format.ts';

export type Placement = ExportRequest['place'];
export type SplitNames = 'train' | 'val' | 'test';

export interface ExportForm {
  to: string;
  format: string;
  place: Placement;
  keptOnly: boolean;
  /** Whether the expression is used. */
  drops: boolean;
  drop: string;
  splits: 'off' | 'usual' | 'own';
  /** In percent or any other unit: fractions of their sum. */
  shares: Record<SplitNames, number | null>;
  seed: number | null;
  safeForSpreadsheets: boolean;
}

export const usualShares: Readonly<Record<SplitNames, number>> = { train: 80, val: 10, test: 10 };
export const splitTitles: Readonly<Record<SplitNames, string>> = { train: 'Training', val: 'Validation', test: 'Test' };

/** How image files are placed in the target. */
export const placements: readonly { id: Placement; title: string; summary: string }[] = [
  { id: 'copy', title: 'Copy', summary: 'Copied byte for byte and verified by reading back.' },
  {
    id: 'hardlink',
    title: 'Hard links',
    summary: 'A second name for the same bytes: needs no disk space. Only on the same disk; editing one edits both.',
  },
  {
    id: 'symlink',
    title: 'Symbolic links',
    summary: 'Pointers to the originals: need no disk space. They break when the originals move.',
  },
  { id: 'list', title: 'List only', summary: 'No image files, only their paths and the manifest.' },
  {
    id: 'move',
    title: 'Move',
    summary: 'Copied and read back, then the originals are moved to the system’s trash. Asks for confirmation.',
  },
];

export const newForm = (folder: string): ExportForm => ({
  to: `${folder.replace(/[\\/]$/, '')}-cleaned`,
  format: 'folder',
  place: 'copy',
  keptOnly: false,
  drops: false,
  drop: '',
  splits: 'off',
  shares: { ...usualShares },
  seed: 1,
  safeForSpreadsheets: false,
});

const maxSeed = 2 ** 31 - 1;

/** Why the form is not valid, as a message; null if it is valid. */
export function problemOf({ to, splits, shares, seed }: ExportForm): string | null {
  if (!to.trim()) return 'Choose a folder for the export.';
  if (splits === 'own' && !(sumOf(shares) > 0)) return 'Set at least one split above 0.';
  if (splits !== 'off' && (seed === null || !Number.isInteger(seed) || seed < 0 || seed > maxSeed))
    return 'The seed must be a whole number of 0 or more.';
  return null;
}

const sumOf = (shares: ExportForm['shares']) =>
  Object.values(shares).reduce((sum: number, share) => sum + Math.max(0, share ?? 0), 0);

export function requestOf(form: ExportForm): Omit<ExportRequest, 'confirmMove'> {
  const shares = form.splits === 'usual' ? usualShares : form.shares;
  const sum = sumOf(shares);
  const share = (name: SplitNames) => Number((Math.max(0, shares[name] ?? 0) / sum).toFixed(6));
  return {
    to: form.to.trim(),
    format: form.format,
    place: form.place,
    keptOnly: form.keptOnly,
    drop: (form.drops && form.drop.trim()) || null,
    splits: form.splits === 'off' ? null : { train: share('train'), val: share('val'), test: share('test') },
    seed: form.seed ?? 1,
    safeForSpreadsheets: form.safeForSpreadsheets,
  };
}

/** The title of the result, by placement. */
export const doneTitle = (place: Placement, copied: number) =>
  ({
    copy: `${plural(copied, 'image')} copied and read back`,
    hardlink: `${plural(copied, 'image')} linked`,
    symlink: `${plural(copied, 'image')} linked`,
    list: `List of ${plural(copied, 'image')} written`,
    move: `${plural(copied, 'image')} copied and read back`,
  })[place];

/** Links and lists need no disk space for images. */
export const needsRoom = (place: Placement) => place === 'copy' || place === 'move';
export const isTooMuch = (plan: ExportPlan, place: Placement) => needsRoom(place) && plan.bytes > plan.freeBytes;
