/**
 * The filter language that selects samples: `conv-ae.error >= 0.02 and class = 'dress' and not decision = 'keep'`.
 * Operators: = != < <= > >= , `and`, `or`, `not`, parentheses, text in quotes, `none` for a missing value, `path like 'test/*'` (a glob: `glob.ts`),
 * `path contains 'img_00'` (case is ignored), functions of columns such as `percentile(pca.error) > 0.95` (`column-functions.ts`).
 * A number is compared with text by its spelling (`class = 007`), and quoted text with a number by its value (`width > '100'`).
 * Text is compared in Unicode’s NFC. `tag`, `issue` and `duplicate` may have several values. A sample without a value in a column satisfies only `= none`. Error messages
 * point at the character.
 */
import { callOf } from './column-functions.ts';
import { WinnowError } from './errors.ts';
import { globMatcher } from './glob.ts';
import { nfc } from './same-name.ts';

/** A list if a sample has several values, for example tags: `=` and `like` match if any value matches, `!=` if none is equal. */
export type Value = number | string | null | readonly string[];
/** Reads one column or property of a row. */
export type Read<Row> = (row: Row) => Value;
/** Tests whether a row is selected. */
export type Predicate<Row> = (row: Row) => boolean;

type Token = { kind: 'name' | 'number' | 'text' | 'operator' | 'end'; text: string; at: number };

const pattern =
  /\s*(?:(?<number>-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w.-])|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<operator><=|>=|!=|[=<>(),])|(?<name>[\p{L}_][\p{L}\p{N}_.-]*))/uy;

function tokens(source: string): Token[] {
  const out: Token[] = [];
  pattern.lastIndex = 0;
  while (source.slice(pattern.lastIndex).trim()) {
    const from = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match?.groups) throw fault(source, from + source.slice(from).search(/\S/), 'Unexpected character');
    const [kind, text] = Object.entries(match.groups).find(([, value]) => value !== undefined) as [
      Token['kind'],
      string,
    ];
    out.push({ kind, text, at: pattern.lastIndex - text.length });
  }
  out.push({ kind: 'end', text: '', at: source.length });
  return out;
}

function fault(source: string, at: number, message: string): WinnowError {
  return new WinnowError('bad-expression', `${message}, at character ${at + 1}:\n  ${source}\n  ${' '.repeat(at)}^`);
}

/**
 * `column` returns the reader of a column, or null if there is none: then a typing error is reported and does not give an empty result. `isNumber`: all
 * values of the column are numbers.
 */
export function parseExpression<Row>(
  source: string,
  column: (name: string) => Read<Row> | null,
  isNumber: (name: string) => boolean = () => false,
): Predicate<Row> {
  const list = tokens(source);
  let next = 0;
  const word = (text: string) =>
    list[next].kind === 'name' && list[next].text.toLowerCase() === text && Boolean(++next);

  const either = (): Predicate<Row> => {
    let left = both();
    while (word('or')) {
      const [a, b] = [left, both()];
      left = (row) => a(row) || b(row);
    }
    return left;
  };
  const both = (): Predicate<Row> => {
    let left = negated();
    while (word('and')) {
      const [a, b] = [left, negated()];
      left = (row) => a(row) && b(row);
    }
    return left;
  };
  const negated = (): Predicate<Row> => {
    if (!word('not')) return comparison();
    const inner = negated();
    return (row) => !inner(row);
  };
  /** A column, or a function with its columns. */
  const named = (): string => {
    const { kind, text, at } = list[next++];
    if (kind !== 'name') throw fault(source, at, 'A column name was expected');
    if (list[next].text !== '(' || list[next].kind !== 'operator') return text;
    const columns: string[] = [];
    do {
      const argument = list[++next];
      const name = argument.kind === 'text' ? textOf(argument) : argument.text;
      if (argument.kind !== 'name' && argument.kind !== 'text')
        throw fault(source, argument.at, 'A column name was expected');
      if (!column(name)) throw fault(source, argument.at, `There is no column ‘${name}’`);
      columns.push(name);
      next++;
    } while (list[next].text === ',' && list[next].kind === 'operator');
    if (list[next].text !== ')') throw fault(source, list[next].at, 'A closing parenthesis is missing');
    next++;
    return callOf(text, columns);
  };
  const comparison = (): Predicate<Row> => {
    if (list[next].text === '(' && list[next].kind === 'operator') {
      next++;
      const inner = either();
      if (list[next].text !== ')') throw fault(source, list[next].at, 'A closing parenthesis is missing');
      next++;
      return inner;
    }
    const start = list[next].at;
    const name = named();
    const read = column(name);
    if (!read)
      throw fault(
        source,
        start,
        name.endsWith(')') ? `‘${name}’ is not a function of these columns` : `There is no column ‘${name}’`,
      );
    if (word('like')) {
      const glob = list[next++];
      if (glob.kind !== 'text' && glob.kind !== 'number')
        throw fault(source, glob.at, 'A pattern in quotes was expected');
      const matches = globMatcher(textOf(glob));
      return (row) => {
        const value = read(row);
        return isList(value) ? value.some(matches) : value !== null && matches(String(value));
      };
    }
    if (word('contains')) {
      const part = list[next++];
      if (part.kind !== 'text' && part.kind !== 'number') throw fault(source, part.at, 'A text in quotes was expected');
      const wanted = nfc(textOf(part)).toLowerCase();
      return (row) => {
        const value = read(row);
        return isList(value)
          ? value.some((one) => nfc(one).toLowerCase().includes(wanted))
          : value !== null && nfc(String(value)).toLowerCase().includes(wanted);
      };
    }
    const operator = list[next++];
    if (operator.kind !== 'operator' || '(),'.includes(operator.text))
      throw fault(source, operator.at, 'One of = != < <= > >= like contains was expected');
    const operand = list[next++];
    const isNone = operand.kind === 'name' && operand.text.toLowerCase() === 'none';
    if (operand.kind !== 'number' && operand.kind !== 'text' && !isNone)
      throw fault(source, operand.at, 'A number, a text in quotes or none was expected');
    if (isNone) return compare(read, operator.text, null);
    const text = nfc(textOf(operand));
    const number = numberOf(text);
    if (number === null && isNumber(name))
      throw fault(source, operand.at, `‘${name}’ is a number, so a number was expected`);
    return compare(read, operator.text, { text, number, isWrittenAsNumber: operand.kind === 'number' });
  };

  const predicate = either();
  if (list[next].kind !== 'end') throw fault(source, list[next].at, '‘and’ or ‘or’ was expected');
  return predicate;
}

/** The expression with other names of columns. `rename` is also called with the words of the language, such as `and`. */
export function renameColumns(source: string, rename: (name: string) => string): string {
  let renamed = '';
  let end = 0;
  let before = '';
  for (const token of tokens(source)) {
    const { kind, text, at } = token;
    // Text after these is a column in quotes.
    if (kind === 'name' || (kind === 'text' && (before === '(' || before === ','))) {
      renamed += source.slice(end, at) + rename(textOf(token));
      end = at + text.length;
    }
    before = kind === 'operator' ? text : '';
  }
  return renamed + source.slice(end);
}

const unquote = (text: string) => text.slice(1, -1).replace(/\\(.)/gs, '$1');
/** Quotes text for an expression. */
export const quote = (text: string) => `'${text.replace(/[\\']/g, '\\$&')}'`;

/** The text of a token; numbers keep their spelling. */
const textOf = ({ kind, text }: Token) => (kind === 'text' ? unquote(text) : text);

const plainNumber = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\s*$/i;
const numberOf = (text: string): number | null => (plainNumber.test(text) ? Number(text) : null);

const isList = (value: Value): value is readonly string[] => Array.isArray(value);

/** The right side of a comparison: its text, and its number if it is one. */
interface Operand {
  text: string;
  number: number | null;
  isWrittenAsNumber: boolean;
}

function compare<Row>(read: Read<Row>, operator: string, operand: Operand | null): Predicate<Row> {
  const equals = (value: number | string) =>
    operand !== null && (typeof value === 'number' ? value === operand.number : nfc(value) === operand.text);
  if (operator === '=') {
    return (row) => {
      const value = read(row);
      if (isList(value)) return operand === null ? value.length === 0 : value.some(equals);
      return value === null ? operand === null : equals(value);
    };
  }
  if (operator === '!=') {
    return (row) => {
      const value = read(row);
      if (isList(value)) return operand === null ? value.length > 0 : !value.some(equals);
      return value !== null && !equals(value);
    };
  }
  /** Compares numbers by value (also a number inside text, if the operand is written as a number), and text alphabetically. */
  const ordered =
    (test: (a: number | string, b: number | string) => boolean): Predicate<Row> =>
    (row) => {
      const value = read(row);
      if (value === null || operand === null || isList(value)) return false;
      if (typeof value === 'string' && !operand.isWrittenAsNumber) return test(nfc(value), operand.text);
      const number = typeof value === 'string' ? numberOf(value) : value;
      return number !== null && operand.number !== null && test(number, operand.number);
    };
  switch (operator) {
    case '<':
      return ordered((a, b) => a < b);
    case '<=':
      return ordered((a, b) => a <= b);
    case '>':
      return ordered((a, b) => a > b);
    default:
      return ordered((a, b) => a >= b);
  }
}
