/**
 * The small language that chooses samples: `conv-ae.error >= 0.02 and class = 'dress' and not decision = 'keep'`.
 * Operators: = != < <= > >= , `and`, `or`, `not`, parentheses, text in quotes, `none` for what is missing, `path like 'test/*'`.
 * A sample that lacks a column satisfies no comparison with it but `= none`. Errors point at the character.
 */
import { WinnowError } from './errors.ts';

export type Value = number | string | null;
export type Read = (column: string) => Value;
/** Says of one sample, through its columns, whether it is chosen. */
export type Predicate = (read: Read) => boolean;

type Token = { kind: 'name' | 'number' | 'text' | 'operator' | 'end'; text: string; at: number };

const pattern = /\s*(?:(?<number>-?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w.-])|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<operator><=|>=|!=|[=<>()])|(?<name>[\p{L}_][\p{L}\p{N}_.-]*))/uy;

function tokens(source: string): Token[] {
  const out: Token[] = [];
  pattern.lastIndex = 0;
  while (source.slice(pattern.lastIndex).trim()) {
    const from = pattern.lastIndex;
    const match = pattern.exec(source);
    if (!match?.groups) throw fault(source, from + source.slice(from).search(/\S/), 'This character has no meaning here');
    const [kind, text] = Object.entries(match.groups).find(([, value]) => value !== undefined) as [Token['kind'], string];
    out.push({ kind, text, at: pattern.lastIndex - text.length });
  }
  out.push({ kind: 'end', text: '', at: source.length });
  return out;
}

function fault(source: string, at: number, message: string): WinnowError {
  return new WinnowError('bad-expression', `${message}, at character ${at + 1}:\n  ${source}\n  ${' '.repeat(at)}^`);
}

/** Glob with * (within a folder), ** (across folders) and ?. */
export function globToRegExp(glob: string): RegExp {
  const body = glob.replace(/\*\*\/?|\*|\?|[.+^${}()|[\]\\]/g, (part) =>
    part === '**/' ? '(?:.*/)?' : part === '**' ? '.*' : part === '*' ? '[^/]*' : part === '?' ? '[^/]' : `\\${part}`);
  return new RegExp(`^${body}$`, 'u');
}

/** `isColumn` tells which names exist, so that a slip of the pen is an error and not an empty answer. */
export function parseExpression(source: string, isColumn: (name: string) => boolean): Predicate {
  const list = tokens(source);
  let next = 0;
  const word = (text: string) => list[next].kind === 'name' && list[next].text.toLowerCase() === text && Boolean(++next);

  const either = (): Predicate => {
    let left = both();
    while (word('or')) {
      const [a, b] = [left, both()];
      left = (read) => a(read) || b(read);
    }
    return left;
  };
  const both = (): Predicate => {
    let left = negated();
    while (word('and')) {
      const [a, b] = [left, negated()];
      left = (read) => a(read) && b(read);
    }
    return left;
  };
  const negated = (): Predicate => {
    if (!word('not')) return comparison();
    const inner = negated();
    return (read) => !inner(read);
  };
  const comparison = (): Predicate => {
    if (list[next].text === '(' && list[next].kind === 'operator') {
      next++;
      const inner = either();
      if (list[next].text !== ')') throw fault(source, list[next].at, 'A closing parenthesis is missing');
      next++;
      return inner;
    }
    const name = list[next];
    if (name.kind !== 'name') throw fault(source, name.at, 'A column’s name was expected');
    if (!isColumn(name.text)) throw fault(source, name.at, `There is no column ‘${name.text}’`);
    next++;
    if (word('like')) {
      const glob = list[next++];
      if (glob.kind !== 'text') throw fault(source, glob.at, 'A pattern in quotes was expected');
      const expression = globToRegExp(unquote(glob.text));
      return (read) => expression.test(String(read(name.text) ?? ''));
    }
    const operator = list[next++];
    if (operator.kind !== 'operator' || '()'.includes(operator.text)) throw fault(source, operator.at, 'One of = != < <= > >= like was expected');
    const operand = list[next++];
    const isNone = operand.kind === 'name' && operand.text.toLowerCase() === 'none';
    if (operand.kind !== 'number' && operand.kind !== 'text' && !isNone) throw fault(source, operand.at, 'A number, a text in quotes or none was expected');
    const value: Value = isNone ? null : operand.kind === 'number' ? Number(operand.text) : unquote(operand.text);
    return compare(name.text, operator.text, value);
  };

  const predicate = either();
  if (list[next].kind !== 'end') throw fault(source, list[next].at, '‘and’ or ‘or’ was expected');
  return predicate;
}

const unquote = (text: string) => text.slice(1, -1).replace(/\\(.)/gs, '$1');

function compare(name: string, operator: string, value: Value): Predicate {
  if (operator === '=') return (read) => read(name) === value;
  if (operator === '!=') return (read) => read(name) !== value && (value === null || read(name) !== null);
  const ordered = (test: (a: number | string, b: number | string) => boolean): Predicate => (read) => {
    const own = read(name);
    return own !== null && value !== null && typeof own === typeof value && test(own, value);
  };
  switch (operator) {
    case '<': return ordered((a, b) => a < b);
    case '<=': return ordered((a, b) => a <= b);
    case '>': return ordered((a, b) => a > b);
    default: return ordered((a, b) => a >= b);
  }
}
