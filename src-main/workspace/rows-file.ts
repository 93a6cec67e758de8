/**
 * Reads rows about images from CSV, JSON Lines, COCO JSON, or the manifest of an export. What a row says is up to the caller's `rowOf`; which image it is about
 * is read here.
 */
import { basename } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { whole } from '../contract/words.ts';
import { explain, WinnowError } from '../contract/errors.ts';
import { linesOf, maxPathLength, maxTextBytes } from '../file/lines.ts';
import { readRegular } from '../file/open.ts';

/** Which image a row is about. */
export interface ImageRow {
  /** Paths that may identify the image, the most reliable first. */
  paths: readonly string[];
  sha256: string | null;
}

/** Reads one row: an object of the file's columns or fields, and its place for messages. Throws WinnowError. */
export type RowReader<Row> = (source: unknown, where: string) => Row;

/** Reads all rows of a file. Throws WinnowError with the number of an invalid line. */
export async function readRows<Row>(file: string, rowOf: RowReader<Row>): Promise<Row[]> {
  const name = basename(file);
  const text = textOf(
    await readRegular(file, maxTextBytes).catch((error: unknown) => {
      throw new WinnowError('bad-request', `${file} cannot be read: ${explain(error).message}`, { cause: error });
    }),
    name,
  );
  const start = text.trimStart()[0];
  if (start === undefined) throw new WinnowError('bad-request', `${name} is empty.`);
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
    throw new WinnowError('bad-request', `Line ${line} of ${name} is not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Spreadsheets write UTF-8 or UTF-16. Other encodings are refused, since they would give wrong names. */
function textOf(data: Buffer, name: string): string {
  const encoding =
    data[0] === 0xff && data[1] === 0xfe ? 'utf-16le' : data[0] === 0xfe && data[1] === 0xff ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(data); // without the byte order mark
  } catch (error) {
    const line = data.subarray(0, firstInvalidByte(data)).toString('latin1').split('\n').length;
    throw new WinnowError(
      'bad-request',
      `Line ${line} of ${name} is not UTF-8. Save the file as ‘CSV UTF-8’ or in UTF-8.`,
      { cause: error },
    );
  }
}

/** The offset of the first byte that is not valid UTF-8. */
function firstInvalidByte(data: Buffer): number {
  const decoded = new TextDecoder('utf-8', { ignoreBOM: true }).decode(data);
  return Buffer.byteLength(decoded.slice(0, Math.max(0, decoded.indexOf('\ufffd'))));
}

// --- tables ---

const pathNames = ['original', 'path', 'file', 'filename', 'file_name', 'filepath', 'image', 'image_path'];
const hashNames = ['sha256'];
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
  if (!records.length) return [];
  if (!pathNames.some((column) => column in records[0].record)) {
    throw new WinnowError(
      'bad-request',
      `Line 1 of ${name} has no column with image paths. Name one path, file, filename or image.`,
    );
  }
  return records.map(({ record, info }) => rowOf(record, `Line ${info.lines} of ${name}`));
}

function columnsOf(head: readonly string[], name: string): string[] {
  if (head.length > maxColumns)
    throw new WinnowError(
      'bad-request',
      `Line 1 of ${name} has more than ${whole(maxColumns)} columns. Is this the right file?`,
    );
  return head.map((column) => column.trim().toLowerCase());
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

function readLines<Row>(text: string, name: string, rowOf: RowReader<Row>): Row[] {
  const rows: Row[] = [];
  for (const [line, number] of linesOf(text, name)) {
    if (!line.trim()) continue;
    const where = `Line ${number} of ${name}`;
    try {
      rows.push(rowOf(JSON.parse(line), where));
    } catch (error) {
      if (error instanceof WinnowError) throw error;
      throw new WinnowError('bad-request', `${where} is not JSON: ${(error as Error).message}`, { cause: error });
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

/** If all annotations of an image have one category, that is its label. Otherwise its label is not changed. */
function readCoco<Row>(document: Record<string, unknown>, name: string, rowOf: RowReader<Row>): Row[] {
  const list = (key: string) => {
    const value = document[key];
    if (!Array.isArray(value) || !value.every(isObject))
      throw new WinnowError('bad-request', `${name} has no list of ‘${key}’.`);
    return value as Record<string, unknown>[];
  };
  const categories = new Map(list('categories').map(({ id, name: title }) => [id, title]));
  const labels = new Map<unknown, Set<unknown>>();
  for (const { id, image_id: image, category_id: category } of list('annotations')) {
    if (!categories.has(category))
      throw new WinnowError(
        'bad-request',
        `Annotation ${String(id)} of ${name} has the category ${String(category)}, which ‘categories’ does not list.`,
      );
    labels.set(image, (labels.get(image) ?? new Set()).add(categories.get(category)));
  }
  return list('images').map((image, i) => {
    const names = labels.get(image.id);
    return rowOf(
      { file_name: image.file_name, ...(names?.size === 1 ? { label: [...names][0] } : {}) },
      `Image ${i + 1} of ${name}`,
    );
  });
}

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
