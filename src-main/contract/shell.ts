/** What the desktop shell can do for its page beside the contract's calls. */
export interface Shell {
  platform: string;
  /** null when the person thought better of it. */
  chooseFolder(): Promise<string | null>;
  /** `marks`: a table, annotations or a manifest to import; `weights`: a safetensors file. */
  chooseFile(kind: FileKind): Promise<string | null>;
  chooseTarget(suggested: string): Promise<string | null>;
  /** Shows the file or folder in the system's file manager. */
  reveal(path: string): Promise<void>;
  /** Path of a dropped file or folder. */
  pathOf(file: File): string;
  setTitle(title: string): Promise<void>;
  /** What is being trained, null for nothing: asked about before the window closes. */
  setTraining(title: string | null): Promise<void>;
  /** What the menu of this window holds beside the system's own items; sent again when a key changes. */
  setMenu(items: readonly MenuItem[]): Promise<void>;
  /** Called with the id of an action that was chosen in the menu. */
  onAction(listener: (actionId: string) => void): void;
}

export type FileKind = 'marks' | 'weights';

export type MenuName = 'File' | 'Edit' | 'View' | 'Help';
/** An action in the native menu. */
export interface MenuItem {
  id: string;
  menu: MenuName;
  /** A separator stands between groups. */
  group: string;
  title: string;
  /** As the page writes keys, `ctrl+shift+z`; shown only, since the page listens to keys itself. */
  key: string | null;
}
