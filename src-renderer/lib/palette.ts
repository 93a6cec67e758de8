/**
 * The commands of the palette: available actions, and commands for this folder's views, classes, issues and tags. The list is built once when the
 * palette opens, since `when` must see the state before that; only commands for typed text are added later.
 */
import { explanationTitles } from '../../src-main/contract/inside.ts';
import { actions, isEnabled, shortcutOf } from '../actions/registry.ts';
import { app } from '../state/app.svelte.ts';
import { Why } from '../state/why.svelte.ts';
import { fuzzyFilter, fuzzyMatch } from './fuzzy.ts';
import { plural } from './format.ts';

export interface Command {
  id: string;
  title: string;
  /** The kind of the command; it is shown and searched. */
  group: string;
  key: string;
  /** Other words that find it. */
  keywords?: readonly string[];
  /** Creates a tag or class from the typed text; only runs if the user selects it. */
  isNew?: boolean;
  run(): void | Promise<unknown>;
}
export interface Found {
  command: Command;
  at: readonly number[];
  /** The keyword that was found in place of the title. */
  keyword?: string;
}

const maxFound = 40;
const maxRecent = 6;
const maxTag = 100;
const maxLabel = 200;

/** Ids of commands, most recently used first. */
let recent: readonly string[] = [];

export function remember(id: string) {
  recent = [id, ...recent.filter((other) => other !== id)].slice(0, 50);
}

export interface Offered {
  /** Shown while nothing is typed. */
  usual: readonly Command[];
  /** Listed only for a query: a folder may have a thousand classes. */
  named: readonly Command[];
  chosen: readonly number[];
}

export function offer(): Offered {
  const usual: Command[] = actions
    .filter((action) => !action.keyOnly && action.id !== 'palette' && isEnabled(action))
    .map((action) => ({
      id: action.id,
      title: action.title,
      group: action.group,
      key: shortcutOf(action.id),
      keywords: action.keywords,
      run: () => action.run(),
    }));
  const { view, session } = app;
  if (!view || !session) return { usual, named: [], chosen: [] };
  const chosen = view.isBrowsing ? view.chosen() : [];
  const of = plural(chosen.length, 'image');
  for (const saved of session.views)
    usual.push({
      id: `view ${saved.name}`,
      title: `Open view ‘${saved.name}’`,
      group: 'View',
      key: '',
      run: () => view.openView(saved),
    });
  const named: Command[] = [
    ...Object.entries(explanationTitles).map(([method, title]) => ({
      id: `why ${method}`,
      title: `Why this image: ${title}`,
      group: 'Look',
      key: '',
      run: () => Why.of(session, view).look({ method }),
    })),
    ...session.checks
      .filter(({ flagged }) => flagged > 0)
      .map(({ id, title, flagged }) => ({
        id: `issue ${id}`,
        title: `Show issue ${title}`,
        group: plural(flagged, 'image'),
        key: '',
        run: () => view.showOnly('issue', id),
      })),
    ...view.classes.map((name) => ({
      id: `class ${name}`,
      title: `Show class ‘${name}’`,
      group: 'Class',
      key: '',
      run: () => view.showOnly('class', name),
    })),
    ...view.tags.map((tag) => ({
      id: `show tag ${tag}`,
      title: `Show tag ‘${tag}’`,
      group: 'Tag',
      key: '',
      run: () => view.showOnly('tag', tag),
    })),
    ...(chosen.length
      ? [
          ...view.classes.map((name) => ({
            id: `label ${name}`,
            title: `Label as ‘${name}’`,
            group: of,
            key: '',
            run: () => view.mark(chosen, { label: name }),
          })),
          ...view.tags.map((tag) => ({
            id: `tag ${tag}`,
            title: `Tag as ‘${tag}’`,
            group: of,
            key: '',
            run: () => view.mark(chosen, { addTags: [tag] }),
          })),
        ]
      : []),
  ];
  return { usual, named, chosen };
}

/** Matching commands, best first. Without a query, recently used commands come first. */
export function find({ usual, named, chosen }: Offered, query: string): Found[] {
  const text = query.trim();
  if (!text) {
    const all = new Map([...usual, ...named].map((command) => [command.id, command]));
    const last = recent.flatMap((id) => all.get(id) ?? []).slice(0, maxRecent);
    return [...last, ...usual.filter((command) => !last.includes(command))].map((command) => ({ command, at: [] }));
  }
  const all = [...usual, ...named];
  const found = fuzzyFilter(
    all,
    text,
    ({ title }) => title,
    ({ keywords }) => keywords,
  ).map(({ item, match, keyword }): Found => ({ command: item, at: match.at, keyword }));
  const other = new Set(found.map(({ command }) => command));
  // ‘places’ finds all places.
  const byGroup = usual
    .filter((command) => !other.has(command) && (fuzzyMatch(text, command.group)?.score ?? 0) > 900)
    .map((command) => ({ command, at: [] }));
  const [before, after] = typed(text, all, chosen);
  return [...before, ...[...found, ...byGroup].slice(0, maxFound), ...after].map((one) =>
    'command' in one ? one : { command: one, at: [] },
  );
}

/** The typed text as a new tag or class: first if requested (`tag torn`), else last. */
function typed(
  text: string,
  known: readonly Command[],
  chosen: readonly number[],
): [before: Command[], after: Command[]] {
  const { view } = app;
  if (!view || !chosen.length) return [[], []];
  const said = /^(tag|label)(?:\s+as)?\s+(.+)$/i.exec(text);
  const of = plural(chosen.length, 'image');
  const isNew = (id: string) => !known.some((command) => command.id === id);
  const tag = (name: string): Command[] =>
    !name.includes(',') && name.length <= maxTag && isNew(`tag ${name}`)
      ? [
          {
            id: `tag ${name}`,
            title: `Tag as ‘${name}’`,
            group: `new tag · ${of}`,
            key: '',
            isNew: !said,
            run: () => view.mark(chosen, { addTags: [name] }),
          },
        ]
      : [];
  const label = (name: string): Command[] =>
    name.length <= maxLabel && isNew(`label ${name}`)
      ? [
          {
            id: `label ${name}`,
            title: `Label as ‘${name}’`,
            group: `new class · ${of}`,
            key: '',
            isNew: !said,
            run: () => view.mark(chosen, { label: name }),
          },
        ]
      : [];
  if (!said) return [[], [...tag(text), ...label(text)]];
  return [said[1].toLowerCase() === 'tag' ? tag(said[2]) : label(said[2]), []];
}
