/**
 * The list of duplicate groups: filters by kind, conflict and state, and the image of each group to keep. The cursor is the view's; here it also
 * belongs to one group, since a sample may be in several.
 */
import { clamp } from '../../src-main/contract/numbers.ts';
import type { KeepBest } from '../../src-main/contract/schemas.ts';
import {
  duplicateKinds,
  type Decision,
  type DuplicateKind,
  type Group,
  type Sample,
} from '../../src-main/contract/types.ts';
import { bestOf, isCopies, rejectsOf, reviewReasons, type KeepChoice } from '../../src-main/contract/keep-best.ts';
import { perView } from './per-view.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

export const duplicateTitles: Record<DuplicateKind, string> = {
  exact: 'Same pixels',
  near: 'Near duplicates',
  rotated: 'Rotated',
  mirrored: 'Mirrored',
};

/** The number of members shown of a large group until the user shows all. */
const maxMembers = 24;

export class DuplicateList {
  #session: Session;
  #view: View;
  kind = $state<DuplicateKind | null>(null);
  onlyClasses = $state(false);
  onlySplits = $state(false);
  /** Groups that were resolved when the filter was set; groups resolved later stay visible. */
  hidden = $state.raw<ReadonlySet<number>>(new Set());
  rule = $state<KeepBest['rule']>('largest');
  protectedFolder = $state<string | null>(null);
  /** Groups whose members are all shown. */
  #whole = $state.raw<ReadonlySet<number>>(new Set());

  static readonly of = perView((session, view) => new DuplicateList(session, view));

  private constructor(session: Session, view: View) {
    this.#session = session;
    this.#view = view;
  }

  readonly #ofConflict: readonly Group[] = $derived.by(() =>
    this.#session.groups.filter(
      (group) =>
        !this.hidden.has(group.id) &&
        (!this.onlyClasses || group.crossesClasses) &&
        (!this.onlySplits || group.crossesSplits),
    ),
  );
  readonly groups: readonly Group[] = $derived(
    this.kind === null ? this.#ofConflict : this.#ofConflict.filter(({ kind }) => kind === this.kind),
  );
  /** The number of groups of each kind that pass the other filters. */
  readonly kinds = $derived.by(() =>
    duplicateKinds
      .filter((kind) => this.#session.groups.some((group) => group.kind === kind))
      .map((kind) => ({ kind, count: this.#ofConflict.filter((group) => group.kind === kind).length })),
  );
  readonly ofAllKinds = $derived(this.#ofConflict.length);
  readonly #ofKind: readonly Group[] = $derived.by(() =>
    this.#session.groups.filter(
      (group) => !this.hidden.has(group.id) && (this.kind === null || group.kind === this.kind),
    ),
  );
  readonly acrossClasses = $derived(this.#ofKind.filter(({ crossesClasses }) => crossesClasses).length);
  readonly acrossSplits = $derived(this.#ofKind.filter(({ crossesSplits }) => crossesSplits).length);
  /** Groups with undecided images. */
  readonly open: readonly Group[] = $derived(this.groups.filter((group) => !this.isSettled(group)));
  readonly isNarrowed = $derived(this.kind !== null || this.onlyClasses || this.onlySplits || this.hidden.size > 0);

  readonly choice: KeepChoice = $derived.by(() => ({
    rule: this.rule,
    protectedFolder: this.protectedFolder,
    sharpness: this.#session.values('sharpness'),
  }));
  /** The open groups that ‘keep best’ of all groups includes: their images are copies of each other. */
  readonly copies: readonly Group[] = $derived(this.open.filter(isCopies));
  /** What ‘keep best’ of all groups would reject: the ids of rejected images, each with the image that is kept. */
  readonly rejects: ReadonlyMap<number, { kept: number }> = $derived.by(() => {
    void this.#session.samples; // decisions
    return rejectsOf(this.copies, this.#session.sample, this.choice);
  });
  /** Why open groups are left to a person, with the number of groups, the most frequent reason first. */
  readonly leftOut: readonly { reason: string; count: number }[] = $derived.by(() => {
    const counts = new Map<string, number>();
    for (const group of this.open) {
      const [reason] = reviewReasons(group);
      if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    }
    return [...counts].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count);
  });
  /** Members of the shown groups, in order; an image in two groups occurs once. */
  readonly listed: readonly number[] = $derived([...new Set(this.groups.flatMap((group) => this.shownIds(group)))]);
  #cursorGroup = $state<number | null>(null);
  /** The index in `groups` of the group with the cursor; -1 for none. */
  readonly cursorRow: number = $derived.by(() => {
    const { cursor } = this.#view;
    if (cursor === null) return -1;
    const known = this.groups.findIndex(({ id, ids }) => id === this.#cursorGroup && ids.includes(cursor));
    return known >= 0 ? known : this.groups.findIndex(({ ids }) => ids.includes(cursor));
  });
  /** Folders that contain members of groups, and their parent folders. */
  readonly folders: readonly string[] = $derived.by(() => {
    const out = new Set<string>();
    for (const { ids } of this.#session.groups) {
      for (const id of ids) {
        const path = this.#session.sample(id)?.path ?? '';
        for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) out.add(path.slice(0, at));
      }
    }
    return [...out].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  });

  members(group: Group): Sample[] {
    void this.#session.samples; // decisions
    return group.ids.flatMap((id) => this.#session.sample(id) ?? []);
  }

  shownIds(group: Group): readonly number[] {
    return this.#whole.has(group.id) ? group.ids : group.ids.slice(0, maxMembers);
  }

  showWhole(group: Group) {
    this.#whole = new Set([...this.#whole, group.id]);
  }

  /** Resolved: only one image is left, or all are decided. */
  isSettled(group: Group): boolean {
    const members = this.members(group);
    return (
      members.filter(({ decision }) => decision !== 'reject').length < 2 ||
      members.every(({ decision }) => decision === 'keep' || decision === 'reject')
    );
  }

  best = (group: Group): number | null => bestOf(this.members(group), this.choice);

  hideSettled() {
    this.hidden = new Set([
      ...this.hidden,
      ...this.groups.filter((group) => this.isSettled(group)).map(({ id }) => id),
    ]);
  }

  showAll() {
    this.kind = null;
    this.onlyClasses = false;
    this.onlySplits = false;
    this.hidden = new Set();
  }

  // --- the cursor ---

  pick(group: Group, sample: Sample, how: { toggle: boolean; range: boolean } = { toggle: false, range: false }) {
    this.#cursorGroup = group.id;
    this.#view.pick(sample, how);
  }

  /** Moves by `by` groups, to the image at the same position. */
  moveByRow(by: number) {
    if (!this.groups.length) return;
    const row = this.cursorRow < 0 ? 0 : clamp(this.cursorRow + by, 0, this.groups.length - 1);
    if (row === this.cursorRow) return;
    const column = this.cursorRow < 0 ? 0 : this.#column();
    this.#go(row, Math.min(column, this.shownIds(this.groups[row]).length - 1));
  }

  /** Moves to the previous or next image, across the ends of the group. */
  move(by: 1 | -1) {
    if (this.cursorRow < 0) return this.moveByRow(0);
    const [row, column] = [this.cursorRow, this.#column() + by];
    if (column < 0) {
      if (row > 0) this.#go(row - 1, this.shownIds(this.groups[row - 1]).length - 1);
    } else if (column < this.shownIds(this.groups[row]).length) this.#go(row, column);
    else if (row + 1 < this.groups.length) this.#go(row + 1, 0);
  }

  #column = () => this.shownIds(this.groups[this.cursorRow]).indexOf(this.#view.cursor ?? -1);

  #go(row: number, column: number) {
    const sample = this.#session.sample(this.shownIds(this.groups[row])[column]);
    if (sample) this.pick(this.groups[row], sample);
  }

  /** Decides on the selection, or on the image under the cursor, and then moves on. A rejection records the image that it duplicates. */
  async decide(decision: Decision | null) {
    const { selection, cursor } = this.#view;
    if (selection.size) return this.#session.edit([...selection], { decision });
    const group = this.groups[this.cursorRow];
    if (!group || cursor === null) return;
    const other = bestOf(
      this.members(group).filter(({ id }) => id !== cursor),
      this.choice,
    );
    const reason =
      decision === 'reject' && other !== null
        ? `${group.kind} duplicate of ${this.#session.sample(other)?.path}`
        : undefined;
    this.move(1);
    await this.#session.edit([cursor], { decision, ...(reason ? { reason } : {}) });
  }

  // --- whole groups ---

  keepBest(groups: readonly Group[]) {
    const { rule, protectedFolder } = this;
    return this.#session.do(() =>
      this.#session.calls.duplicates.keepBest.mutate({
        kinds: [...duplicateKinds],
        rule,
        protectedFolder,
        groups: groups.map(({ id }) => id),
      }),
    );
  }

  markNotDuplicates(group: Group) {
    return this.#session.do(() => this.#session.calls.duplicates.markNotDuplicates.mutate({ ids: [...group.ids] }));
  }
}

/** The different values of a group's members, by name: `dress / pants`. */
export const classesOf = (members: readonly Sample[]) => distinct(members.map((sample) => sample.class));
export const splitsOf = (members: readonly Sample[]) => distinct(members.map(({ split }) => split));
const distinct = (values: readonly (string | null)[]) =>
  [...new Set(values.map((value) => value ?? 'none'))].sort().join(' / ');
