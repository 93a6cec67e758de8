/** Texts as every door writes them: counts in sentences, and names that files brought along. */

export const whole = (n: number) => n.toLocaleString('en');
export const plural = (n: number, noun: string, several = `${noun}s`) => `${whole(n)} ${n === 1 ? noun : several}`;

/** What a terminal obeys instead of showing it: control characters (C0, DEL, C1), line separators, marks and overrides of the writing direction. */
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const shortEscapes = { '\n': '\\n', '\r': '\\r', '\t': '\\t' } as Record<string, string>;
const escaped = (sign: string) => shortEscapes[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A name, title or note for a terminal, on one line: control characters are shown escaped, so that no file name moves the cursor or renames the window. */
export const printable = (text: string): string => text.replace(controls, escaped);
/** A sentence of several lines for a terminal: line breaks stay. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** A path as a line of a list, which `--from` reads back: a JSON string where it would not survive as it is. */
export const pathLine = (path: string): string =>
  path.search(controls) >= 0 || /^["\s]|\s$/.test(path) ? JSON.stringify(path).replace(controls, escaped) : path;

/** A text as one word of a POSIX shell: as it is where it has ordinary characters alone, otherwise in single quotes. */
export const quoteWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
