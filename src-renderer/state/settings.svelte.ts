/** What belongs to this viewer and may be lost without loss of work: recent folders, light or dark, tile size, form values. Kept in Dexie. */
import Dexie, { type EntityTable } from 'dexie';

export interface Recent { folder: string; openedAt: number }
type Theme = 'system' | 'dark' | 'light';

const db = new Dexie('winnow') as Dexie & { recents: EntityTable<Recent, 'folder'>; kept: EntityTable<{ key: string; value: unknown }, 'key'> };
db.version(1).stores({ recents: 'folder, openedAt', kept: 'key' });

const maxRecents = 12;
const systemDark = window.matchMedia('(prefers-color-scheme: dark)');

class Settings {
  theme = $state<Theme>('system');
  tilePx = $state(176);
  recents = $state.raw<Recent[]>([]);
  #dark = $state(systemDark.matches);
  readonly shownTheme = $derived(this.theme === 'system' ? (this.#dark ? 'dark' : 'light') : this.theme);

  async load() {
    systemDark.addEventListener('change', (event) => {
      this.#dark = event.matches;
      this.#apply();
    });
    try {
      this.theme = ((await db.kept.get('theme'))?.value as Theme) ?? 'system';
      this.tilePx = ((await db.kept.get('tilePx'))?.value as number) ?? 176;
      await this.#readRecents();
    } catch {
      // Private browsing may have no database: the page works without.
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

  async addRecent(folder: string) {
    await db.recents.put({ folder, openedAt: Date.now() }).catch(() => {});
    await this.#readRecents();
  }

  async removeRecent(folder: string) {
    await db.recents.delete(folder).catch(() => {});
    await this.#readRecents();
  }

  async #readRecents() {
    this.recents = await db.recents.orderBy('openedAt').reverse().limit(maxRecents).toArray().catch(() => []);
  }

  #keep(key: string, value: unknown) {
    void db.kept.put({ key, value }).catch(() => {});
  }
}

export const settings = new Settings();
