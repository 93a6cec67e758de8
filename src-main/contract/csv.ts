/** Lines of CSV files, for the engine and the page alike. */

/** Makes one line of a CSV file. */
export type WriteCsv = (cells: readonly (string | number | boolean | null)[]) => string;

/** One line by RFC 4180. Text that starts with `=`, `+`, `-` or `@` is written unchanged: an escape would be part of the name for all other readers. */
export const csvLine: WriteCsv = (cells) => `${cells.map(csvField).join(',')}\r\n`;

/** The same for spreadsheets, which evaluate such text as a formula: a leading apostrophe prevents that. */
export const safeCsvLine: WriteCsv = (cells) =>
  csvLine(cells.map((cell) => (typeof cell === 'string' && /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell)));

function csvField(value: string | number | boolean | null): string {
  const text = value === null ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
