/**
 * File names that are unique on every file system, including those that ignore case (Windows, macOS) or normalise Unicode (macOS). The second file of a name gets
 * ` (2)` before the extension. Folders are treated the same, so that `Cat` and `cat` never become one class.
 */
import { isHiddenFolder } from '../contract/left-out.ts';

const lengthMax = 255; // bytes of a name on ext4; NTFS and APFS allow 255 characters

/** The names that are taken in one export. */
export class UniqueNames {
  #taken = new Map<string, Set<string>>(); // by folder
  #folders = new Map<string, string>(); // wanted path → unique path

  /** Makes a wanted path unique and reserves it. A wanted folder always maps to the same unique folder. */
  take(wanted: string): string {
    const cut = wanted.lastIndexOf('/');
    return this.#unique(this.#folder(wanted.slice(0, Math.max(0, cut))), wanted.slice(cut + 1), true);
  }

  /** Makes a folder name unique and reserves it. */
  takeFolder(name: string): string {
    return this.#unique('', name, false);
  }

  #folder(wanted: string): string {
    if (wanted === '') return '';
    let given = this.#folders.get(wanted);
    if (given === undefined) {
      const cut = wanted.lastIndexOf('/');
      given = this.#unique(this.#folder(wanted.slice(0, Math.max(0, cut))), wanted.slice(cut + 1), false);
      this.#folders.set(wanted, given);
    }
    return given;
  }

  #unique(folder: string, name: string, isFile: boolean): string {
    let taken = this.#taken.get(folder);
    if (!taken) this.#taken.set(folder, (taken = new Set()));
    const dot = isFile ? name.lastIndexOf('.') : -1;
    const [stem, extension] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
    for (let i = 1; ; i++) {
      const suffix = i === 1 ? extension : ` (${i})${extension}`;
      const tried = shorten(stem, lengthMax - Buffer.byteLength(suffix)) + suffix;
      const key = fold(tried);
      if (taken.has(key)) continue;
      taken.add(key);
      return folder === '' ? tried : `${folder}/${tried}`;
    }
  }
}

const isPlain = /^[\u0020-\u007e]*$/;
const fold = (name: string) => (isPlain.test(name) ? name : name.normalize('NFC')).toLowerCase();

/** Names that Windows reserves for devices, with any extension. */
const reserved = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)/i;

/** A folder name for a class: characters that a file system forbids and path separators become `_`, and no folder is hidden. */
export function safeName(name: string): string {
  const plain = shorten(name.replace(/[<>:"/\\|?*\u0000-\u001f\u007f]/g, '_').trimStart(), 200).replace(/[. ]+$/, '');
  return plain === '' ? '_' : reserved.test(plain) || isHiddenFolder(plain) ? `_${plain}` : plain;
}

/** Cuts the text to this many bytes of UTF-8, between characters. */
function shorten(text: string, bytes: number): string {
  if (text.length * 3 <= bytes || Buffer.byteLength(text) <= bytes) return text;
  let out = '';
  for (const sign of text) {
    if (Buffer.byteLength(out) + Buffer.byteLength(sign) > bytes) break;
    out += sign;
  }
  return out;
}
