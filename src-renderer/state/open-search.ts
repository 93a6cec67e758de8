/** Opens the form of a new search. */
import { Experiments } from './experiments.svelte.ts';
import { SearchForm, type SubjectKind } from './search-form.svelte.ts';
import type { Session } from './session.svelte.ts';
import type { View } from './view.svelte.ts';

/** `kind`: what is to be searched, from where the person is. */
export function openSearchForm(session: Session, view: View, kind?: SubjectKind) {
  if (kind) SearchForm.of(session, view).wantedKind = kind;
  Experiments.of(session, view).tab = 'search';
  view.go('experiments');
  view.loupe.mode = 'grid';
}
