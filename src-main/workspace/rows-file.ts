/**
 * Reads rows about images from CSV, JSON Lines, COCO JSON, or the manifest of an export. What a row says is up to the caller's `rowOf`; which image it is about
 * is read here.
 */
import { basename } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { whole } from '../contract/words.ts';
import { explain, WinnowError } from '../contract/errors.ts';
import { linesOf, maxPathLength, maxTextBytes, textOf } from '../file/lines.ts';
import { readRegular } from '../file/open.ts';
import { pathOnDisk } from '../file/same-path.ts';

/** Which image a row is about. */
export interface ImageRow {
  /** Paths that may identify the image, the most reliable first. */
  paths: readonly string[];
  sha256: string | null;
}

/** Reads one row: an object of the file's columns or fields, and its place for messages. Throws WinnowError. */
export type RowReader<Row> = (source: unknown, where: string) => Row;

/** Reads all rows of a file; at least one. Throws WinnowError with the number of an invalid line. */
export async function readRows<Row>(file: string, rowOf: RowReader<Row>): Promise<Row[]> {
  const rows = await readAny(file, rowOf);
  if (!rows.length) throw new WinnowError('bad-request', `${basename(file)} lists no images.`);
  return rows;
}

async function readAny<Row>(file: string, rowOf: RowReader<Row>): Promise<Row[]> {
  const name = basename(file);
  const text = textOf(
    await readRegular(await pathOnDisk(file), maxTextBytes).catch((error: unknown) => {
      throw new WinnowError('bad-request', `${file} cannot be read: ${explain(error).message}`, { cause: error });
    }),
    name,
  );
  const start = text.trimStart()[0];
  if (start === undefined) throw new WinnowError('bad-request', `${name} is empty.`);
  if (text.includes('\0'))
    throw new WinnowError(
      'bad-request',
      `${name} is not text in UTF-8: it has zero bytes, like UTF-16 without a byte order mark. Save the file as ‘CSV UTF-8’ or in UTF-8.`,
    );
  if (start === '<')
    throw new WinnowError(
      'bad-request',
      `${name} is XML or HTML, which is not imported. Convert it to CSV, JSON Lines or COCO.`,
    );
  if (start !== '{' && start !== '[') return readCsv(text, name, rowOf);
  // One JSON object is valid as a document and as JSON Lines; several objects are valid only as JSON Lines.
  if (/\.(jsonl|ndjson)$/i.test(file)) return readLines(text, name, rowOf);
  try {
    return readDocument(JSON.parse(text), name, rowOf);
  } catch (error) {
    if (error instanceof WinnowError) throw error;
    if (isLine(firstLine(text.trimStart()))) return readLines(text, name, rowOf);
    const at = /position (\d+)/.exec((error as Error).message);
    const line = text.slice(0, at ? Number(at[1]) : undefined).split('\n').length;
    throw new WinnowError('bad-request', notJson(`Line ${line} of ${name}`, error), {
      cause: error,
    });
  }
}

// --- tables ---

/** Columns with the path of an image. */
export const pathNames = ['original', 'path', 'file', 'filename', 'file_name', 'filepath', 'image', 'image_path'];
export const hashNames = ['sha256'];
const maxRowLength = 2 ** 20;
const maxColumns = 10_000;

function readCsv<Row>(text: string, name: string, rowOf: RowReader<Row>): Row[] {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parse(text, {
      bom: true,
      columns: (head: string[]) => columnsOf(head, name),
      delimiter: delimiterOf(text),
      info: true,
      skip_empty_lines: true,
      max_record_size: maxRowLength,
    });
  } catch (error) {
    if (error instanceof CsvError && error.code === 'CSV_MAX_RECORD_SIZE')
      throw new WinnowError(
        'bad-request',
        `Line ${Number(error.lines) || 1} of ${name} starts a row of more than 1 MiB. Is a quotation mark missing, or is this the wrong file?`,
        { cause: error },
      );
    if (error instanceof CsvError)
      throw new WinnowError(
        'bad-request',
        `Line ${Number(error.lines) || 1} of ${name} does not match the header: ${error.message}`,
        { cause: error },
      );
    throw error;
  }
  if (!records.length)
    throw new WinnowError('bad-request', `${name} has a line with the names of columns, but no rows below it.`);
  return records.map(({ record, info }) => rowOf(record, `Line ${info.lines} of ${name}`));
}

function columnsOf(head: readonly string[], name: string): string[] {
  if (head.length > maxColumns)
    throw new WinnowError(
      'bad-request',
      `Line 1 of ${name} has more than ${whole(maxColumns)} columns. Is this the right file?`,
    );
  const columns = head.map((column) => column.trim().toLowerCase());
  if (![...pathNames, ...hashNames].some((column) => columns.includes(column))) {
    const isPath = head.some((cell) => /\.[a-z0-9]{2,5}$/i.test(cell.trim()) || /[\\/]/.test(cell));
    throw new WinnowError(
      'bad-request',
      `Line 1 of ${name} has no column with image paths. ${isPath ? 'It seems to be a row already: put a line with the names of the columns above it, such as path,label.' : 'Name one path, file, filename or image.'}`,
    );
  }
  const twice = columns.find((column, i) => column !== '' && columns.indexOf(column) !== i);
  if (twice !== undefined)
    throw new WinnowError(
      'bad-request',
      `Line 1 of ${name} has two columns with the name ${twice}. Rename or remove one of them.`,
    );
  return columns;
}

/** The most frequent separator in the header, outside quotes. */
function delimiterOf(text: string): string {
  const counts = new Map([
    [',', 0],
    [';', 0],
    ['\t', 0],
  ]);
  let isQuoted = false;
  for (const sign of text.slice(0, maxRowLength)) {
    if (sign === '"') isQuoted = !isQuoted;
    else if (isQuoted) continue;
    else if (sign === '\n' || sign === '\r') break;
    else if (counts.has(sign)) counts.set(sign, (counts.get(sign) as number) + 1);
  }
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

const firstLine = (text: string) => text.slice(0, text.search(/[\r\n]|$/));

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isLine(line: string): boolean {
  try {
    return isObject(JSON.parse(line));
  } catch {
    return false;
  }
}

/** The parser's message without the place, which `where` says better. */
const notJson = (where: string, error: unknown): string =>
  `${where} is not JSON: ${(error as Error).message.replace(/( in JSON)? at position .*$/s, '').replace(/\.?$/, '.')} Correct it, or save the file again.`;

function readLines<Row>(text: string, name: string, rowOf: RowReader<Row>): Row[] {
  const rows: Row[] = [];
  for (const [line, number] of linesOf(text, name)) {
    if (!line.trim()) continue;
    const where = `Line ${number} of ${name}`;
    try {
      rows.push(rowOf(JSON.parse(line), where));
    } catch (error) {
      if (error instanceof WinnowError) throw error;
      throw new WinnowError('bad-request', notJson(where, error), { cause: error });
    }
  }
  return rows;
}

// --- documents ---

function readDocument<Row>(document: unknown, name: string, rowOf: RowReader<Row>): Row[] {
  const rows = (list: unknown, what: string) => {
    if (!Array.isArray(list)) throw new WinnowError('bad-request', `${name} has no list ‘${what}’.`);
    return list.map((row: unknown, i) => rowOf(row, `Entry ${i + 1} of ‘${what}’ in ${name}`));
  };
  if (Array.isArray(document)) return rows(document, 'rows');
  if (isObject(document)) {
    if (typeof document.schema === 'string' && document.schema.startsWith('winnow/manifest@')) {
      return [...rows(document.samples, 'samples'), ...rows(document.leftOut ?? [], 'leftOut')];
    }
    if (Array.isArray(document.images) && Array.isArray(document.annotations)) return readCoco(document, name, rowOf);
    if (pathNames.some((key) => key in document)) return [rowOf(document, `Line 1 of ${name}`)];
  }
  throw new WinnowError(
    'bad-request',
    `${name} cannot be imported: it is not CSV, JSON Lines, COCO, or the manifest of an export.`,
  );
}

/**
 * If all annotations of an image have one category, that is its label. Otherwise its label is not changed. Refused if it cannot be known which image or category
 * an annotation means.
 */
function readCoco<Row>(document: Record<string, unknown>, name: string, rowOf: RowReader<Row>): Row[] {
  const refuse = (message: string) => new WinnowError('bad-request', message);
  const list = (key: string) => {
    const value = document[key];
    if (!Array.isArray(value) || !value.every(isObject)) throw refuse(`${name} has no list of ‘${key}’.`);
    return value as Record<string, unknown>[];
  };
  const [listed, annotations, categories] = [list('images'), list('annotations'), list('categories')];

  const titles = new Map<unknown, string>();
  categories.forEach(({ id, name: title }, i) => {
    const where = `Category ${i + 1} of ${name}`;
    if (id === undefined || id === null) throw refuse(`${where} has no id.`);
    const text = plainText(title, `${where}: name`);
    if (text.trim() === '') throw refuse(`${where} (id ${shown(id)}) has no name.`);
    if (titles.has(id) && titles.get(id) !== text)
      throw refuse(
        `Two categories of ${name} have the id ${shown(id)}: ${titles.get(id)} and ${text}. It cannot be known which one an annotation means: give each its own id.`,
      );
    titles.set(id, text);
  });

  const byId = new Map<unknown, number>();
  const byFile = new Map<unknown, number>();
  const images = listed.filter((image, i) => {
    const same = byId.get(image.id);
    if (image.id !== undefined && same !== undefined) {
      if (listed[same].file_name === image.file_name) return false; // the same entry again
      throw refuse(
        `Images ${same + 1} and ${i + 1} of ${name} have the same id ${shown(image.id)}: ${shown(listed[same].file_name)} and ${shown(image.file_name)}. It cannot be known which one an annotation means: give each image its own id.`,
      );
    }
    const sameFile = byFile.get(image.file_name);
    if (image.file_name !== undefined && sameFile !== undefined)
      throw refuse(
        `Images ${sameFile + 1} and ${i + 1} of ${name} have the same file_name ${shown(image.file_name)}, but the ids ${shown(listed[sameFile].id)} and ${shown(image.id)}. It cannot be known which annotations hold: list each image once.`,
      );
    byId.set(image.id, i);
    byFile.set(image.file_name, i);
    return true;
  });

  const labels = new Map<unknown, Set<string>>();
  annotations.forEach(({ id, image_id: image, category_id: category }, i) => {
    const where =
      id === undefined ? `Annotation ${i + 1} of ${name}` : `Annotation ${i + 1} of ${name} (id ${shown(id)})`;
    if (image === undefined) throw refuse(`${where} has no image_id.`);
    if (!byId.has(image)) throw refuse(`${where} has the image_id ${shown(image)}, which ‘images’ does not list.`);
    if (category === undefined) throw refuse(`${where} has no category_id.`);
    const title = titles.get(category);
    if (title === undefined)
      throw refuse(`${where} has the category_id ${shown(category)}, which ‘categories’ does not list.`);
    labels.set(image, (labels.get(image) ?? new Set()).add(title));
  });
  return images.map((image, i) => {
    const names = labels.get(image.id);
    return rowOf(
      { file_name: image.file_name, ...(names?.size === 1 ? { label: [...names][0] } : {}) },
      `Image ${i + 1} of ${name}`,
    );
  });
}

/** A value of a file in a message. */
const shown = (value: unknown): string =>
  (typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none')).slice(0, 120);

// --- rows ---

/** The object, if it is one. Throws `bad-request`. */
export function requireObject(source: unknown, where: string): Record<string, unknown> {
  if (!isObject(source)) throw new WinnowError('bad-request', `${where} is not an object with a path.`);
  return source;
}

/** The text of the first of these columns that exists; null if it is empty, undefined if the file has none of them. Throws `bad-request`. */
export function cellOf(
  source: Record<string, unknown>,
  names: readonly string[],
  longest: number,
  where: string,
): string | null | undefined {
  const key = names.find((each) => each in source);
  if (key === undefined) return undefined;
  const text = plainText(source[key], `${where}: ${key}`).trim();
  if (text.length > longest)
    throw new WinnowError('bad-request', `${where}: ${key} has more than ${longest} characters.`);
  return text === '' ? null : text;
}

/** Throws `bad-request` if the row names no image. */
export function imageOf(source: Record<string, unknown>, where: string): ImageRow {
  // Paths are not trimmed, since a file name may start or end with a space.
  const paths = pathNames
    .map((key) => source[key])
    .filter((value): value is string => typeof value === 'string' && value.trim() !== '');
  const sha256 = cellOf(source, hashNames, 200, where)?.toLowerCase() ?? null;
  if (paths.some((path) => path.length > maxPathLength))
    throw new WinnowError(
      'bad-request',
      `${where} has a path of more than ${whole(maxPathLength)} characters. No path is so long.`,
    );
  if (!paths.length && sha256 === null) throw new WinnowError('bad-request', `${where} has no path of an image.`);
  return { paths, sha256 };
}

/** Refuses lists and objects, since `String` would join all their content. */
export function plainText(value: unknown, where: string): string {
  if (value !== null && value !== undefined && !['string', 'number', 'boolean'].includes(typeof value))
    throw new WinnowError('bad-request', `${where} is not text.`);
  return String(value ?? '');
}
