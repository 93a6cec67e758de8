/** Formats text for page and command line: counts, plurals, and file names that are safe to print or paste into a shell. */

/** With commas, as `toLocaleString` would write it, which loads all its languages at the first call. */
export const whole = (n: number) => String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
export const plural = (n: number, noun: string, several = `${noun}s`) => `${whole(n)} ${n === 1 ? noun : several}`;

export const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Characters that a terminal interprets: control characters (C0, DEL, C1), line separators, and bidirectional controls. */
const controls = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const shortEscapes = { '\n': '\\n', '\r': '\\r', '\t': '\\t' } as Record<string, string>;
const escaped = (sign: string) => shortEscapes[sign] ?? `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A name, title or note for a terminal, on one line: control characters are escaped, so a file name cannot move the cursor or change the window title. */
export const printable = (text: string): string => text.replace(controls, escaped);
/** Multi-line text for a terminal: line breaks stay. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** A path as one line of a list that `--from` reads: a JSON string if the plain path would not survive. */
export const pathLine = (path: string): string =>
  path.search(controls) >= 0 || /^["\s]|\s$/.test(path) ? JSON.stringify(path).replace(controls, escaped) : path;

/** Text as one word of a POSIX shell: unquoted if it has only ordinary characters, otherwise in single quotes. */
export const quoteWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** A fraction in whole percent: 0.42 gives '42 %'. */
export const wholePercent = (fraction: number): string => `${Math.round(100 * fraction)} %`;
