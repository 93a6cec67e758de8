/** A choice among tabs. */
export interface TabsProps<Id extends string> {
  /** Of the whole: the panel has the id `<id>-panel`, a tab `<id>-<tab>`. */
  id: string;
  label: string;
  tabs: readonly { id: Id; title: string }[];
  chosen: Id;
  choose(id: Id): void;
}
