/**
 * Settings of this viewer, which may be lost without loss of work: recent folders, theme, tile size, keys, the position in each
 * review. Stored in Dexie.
 */
import Dexie, { type EntityTable } from 'dexie';

export interface Recent {
  folder: string;
  openedAt: number;
}
type Theme = 'system' | 'dark' | 'light';

const db = new Dexie('winnow') as Dexie & {
  recents: EntityTable<Recent, 'folder'>;
  kept: EntityTable<{ key: string; value: unknown }, 'key'>;
};
db.version(1).stores({ recents: 'folder, openedAt', kept: 'key' });

const maxRecents = 12;
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

class Settings {
  theme = $state<Theme>('system');
  tilePx = $state(176);
  /** Columns and properties in tile captions, in addition to the sort column. */
  tileColumns = $state.raw<readonly string[]>([]);
  /** Columns of the table of runs; null for the usual ones. */
  runColumns = $state.raw<readonly string[] | null>(null);
  /** Keys by action id, if they differ from the defaults. */
  keys = $state.raw<Readonly<Record<string, readonly string[]>>>({});
  panels = $state(true);
  /** How strongly error maps cover their image, 0 to 1. */
  mapOpacity = $state(0.75);
  /** The loupe shows the error map of the chosen ranking. */
  showsMap = $state(false);
  /** The loupe and the comparison show why a network gave its output for the image. Not together with the error map. */
  showsWhy = $state(false);
  /** With the error map, the loupe shows the nearest normal patch to a place. */
  showsUnlike = $state(true);
  recents = $state.raw<Recent[]>([]);
  #dark = $state(systemDark.matches);
  readonly shownTheme = $derived(this.theme === 'system' ? (this.#dark ? 'dark' : 'light') : this.theme);

  async load() {
    systemDark.addEventListener('change', (event) => {
      this.#dark = event.matches;
      this.#apply();
    });
    try {
      const kept = new Map(
        (
          await db.kept.bulkGet([
            'theme',
            'tilePx',
            'tileColumns',
            'runColumns',
            'keys',
            'mapOpacity',
            'showsMap',
            'showsWhy',
            'showsUnlike',
          ])
        ).flatMap((entry) => (entry ? [[entry.key, entry.value]] : [])),
      );
      this.theme = (kept.get('theme') as Theme | undefined) ?? 'system';
      this.tilePx = (kept.get('tilePx') as number | undefined) ?? 176;
      this.tileColumns = (kept.get('tileColumns') as string[] | undefined) ?? [];
      this.runColumns = (kept.get('runColumns') as string[] | undefined) ?? null;
      this.keys = (kept.get('keys') as Record<string, string[]> | undefined) ?? {};
      this.mapOpacity = (kept.get('mapOpacity') as number | undefined) ?? 0.75;
      this.showsMap = (kept.get('showsMap') as boolean | undefined) ?? false;
      this.showsWhy = (kept.get('showsWhy') as boolean | undefined) ?? false;
      this.showsUnlike = (kept.get('showsUnlike') as boolean | undefined) ?? true;
      await this.#readRecents();
    } catch {
      // Private browsing may have no database; the page works without one.
    }
    this.#apply();
  }

  #apply() {
    document.documentElement.dataset.theme = this.shownTheme;
  }

  toggleTheme() {
    this.theme = this.shownTheme === 'dark' ? 'light' : 'dark';
    this.#apply();
    this.#keep('theme', this.theme);
  }

  setTilePx(px: number) {
    this.tilePx = px;
    this.#keep('tilePx', px);
  }

  setTileColumns(names: readonly string[]) {
    this.tileColumns = [...names];
    this.#keep('tileColumns', this.tileColumns);
  }

  setRunColumns(ids: readonly string[] | null) {
    this.runColumns = ids && [...ids];
    this.#keep('runColumns', this.runColumns);
  }

  setMapOpacity(opacity: number) {
    this.mapOpacity = opacity;
    this.#keep('mapOpacity', opacity);
  }

  toggleMap() {
    this.#showOver({ map: !this.showsMap, why: false });
  }

  setWhy(shows: boolean) {
    this.#showOver({ map: false, why: shows });
  }

  #showOver({ map, why }: { map: boolean; why: boolean }) {
    if (map !== this.showsMap) this.#keep('showsMap', (this.showsMap = map));
    if (why !== this.showsWhy) this.#keep('showsWhy', (this.showsWhy = why));
  }

  toggleUnlike() {
    this.showsUnlike = !this.showsUnlike;
    this.#keep('showsUnlike', this.showsUnlike);
  }

  /** null restores the default keys. */
  setKeys(actionId: string, keys: readonly string[] | null) {
    const { [actionId]: _, ...others } = this.keys;
    this.keys = keys ? { ...others, [actionId]: [...keys] } : others;
    this.#keep('keys', this.keys);
  }

  resetKeys() {
    this.keys = {};
    this.#keep('keys', this.keys);
  }

  /** The path of the current image in the review of a folder. */
  async rememberPlace(workspaceId: string, path: string) {
    await db.kept.put({ key: `place ${workspaceId}`, value: path }).catch(() => {});
  }

  async placeIn(workspaceId: string): Promise<string | null> {
    return ((await db.kept.get(`place ${workspaceId}`).catch(() => undefined))?.value as string | undefined) ?? null;
  }

  async addRecent(folder: string) {
    await db.recents.put({ folder, openedAt: Date.now() }).catch(() => {});
    await this.#readRecents();
  }

  async removeRecent(folder: string) {
    await db.recents.delete(folder).catch(() => {});
    await this.#readRecents();
  }

  async #readRecents() {
    try {
      this.recents = await db.recents.orderBy('openedAt').reverse().limit(maxRecents).toArray();
    } catch {
      this.recents = []; // without a database, Dexie also throws before it returns a promise
    }
  }

  #keep(key: string, value: unknown) {
    void db.kept.put({ key, value }).catch(() => {});
  }
}

export const settings = new Settings();
