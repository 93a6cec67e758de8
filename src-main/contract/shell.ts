/** Functions of the desktop shell that the page can call, in addition to the engine's calls. */
export interface Shell {
  platform: string;
  /** null if the user cancels. */
  chooseFolder(): Promise<string | null>;
  /** `marks`: a table, annotations or a manifest to import; `weights`: a safetensors file. */
  chooseFile(kind: FileKind): Promise<string | null>;
  chooseTarget(suggested: string): Promise<string | null>;
  /** Shows the file or folder in the system's file manager. */
  reveal(path: string): Promise<void>;
  /** Path of a dropped file or folder. */
  pathOf(file: File): string;
  setTitle(title: string): Promise<void>;
  /** Title of the running training, or null: the shell asks before it closes the window. */
  setTraining(title: string | null): Promise<void>;
  /** Menu items of this window, in addition to the system's; sent again when a shortcut changes. */
  setMenu(items: readonly MenuItem[]): Promise<void>;
  /** `listener` gets the id of an action chosen in the menu. */
  onAction(listener: (actionId: string) => void): void;
}

export type FileKind = 'marks' | 'weights';

export type MenuName = 'File' | 'Edit' | 'View' | 'Help';
/** An action in the native menu. */
export interface MenuItem {
  id: string;
  menu: MenuName;
  /** Groups are divided by separators. */
  group: string;
  title: string;
  /** Shortcut in the page's notation, `ctrl+shift+z`. Only displayed: the page handles keys itself. */
  key: string | null;
}
