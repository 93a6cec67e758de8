/** Folders that hold no images of a person: hidden ones (`.git`, `.ipynb_checkpoints`, `.Trash-1000`), and those of systems, storage devices and archives. */
const systemNames = new Set(
  '@eadir #recycle #snapshot $recycle.bin recycler __macosx lost+found __pycache__'
    .split(' ')
    .concat('system volume information'),
);

export const isHiddenFolder = (name: string): boolean => name.startsWith('.') || systemNames.has(name.toLowerCase());

/** True for a path that lies in a hidden folder. */
export const isInHiddenFolder = (path: string): boolean => path.split('/').slice(0, -1).some(isHiddenFolder);

/** Folders that a scan left out. */
export interface LeftOutFolders {
  count: number;
  /** The first few paths. */
  paths: readonly string[];
}

/** ‘3 hidden or system folders left out: .git, cat/.thumbnails, …’; null if there are none. */
export function leftOutText({ count, paths }: LeftOutFolders): string | null {
  if (!count) return null;
  const more = count > paths.length ? ', …' : '';
  return `${count.toLocaleString('en')} hidden or system ${count === 1 ? 'folder' : 'folders'} left out: ${paths.join(', ')}${more}`;
}
