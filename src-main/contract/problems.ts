/** Messages about requests and parameters that a schema refuses, in the words of the person who gave them. */
import type { z } from 'zod'; // only types: `doctor` tells problems without the library
import { WinnowError } from './errors.ts';

/** `path`: from the outermost name to the innermost; numbers are places in a list, from 0. */
export interface Problem {
  path: (string | number)[];
  /** 'must be at least 1', or the whole sentence that the schema has for it. */
  need: string;
}

/** A request that its schema refuses. The message has ordinary words; the command line makes its own from `problems`. */
export class RefusedRequest extends WinnowError {
  readonly problems: Problem[];
  constructor(error: z.ZodError) {
    const problems = problemsOf(error);
    super('bad-request', problemsText(problems, inWords));
    this.problems = problems;
  }
}

export const problemsOf = ({ issues }: z.ZodError): Problem[] =>
  issues.map(({ path, ...issue }) => ({
    path: path.map((part) => (typeof part === 'number' ? part : String(part))),
    need: path.length === 0 && issue.code === 'custom' ? issue.message : needOf(issue),
  }));

/** One line for each problem. `nameOf`: what the person calls a parameter, by its name in the schema. */
export const problemsText = (problems: readonly Problem[], nameOf: (name: string) => string): string =>
  problems
    .map(({ path, need }) => {
      if (/^\p{Lu}/u.test(need)) return need;
      return `${path.length ? placeOf(path, nameOf) : 'The request'} ${need}.`;
    })
    .join('\n');

/** 'low' of 'learning rate'; a place in a list is counted from 1. */
function placeOf(path: Problem['path'], nameOf: (name: string) => string): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text = `${text || 'the list'}, item ${part + 1},`;
    else text = text ? `${nameOf(part)} of ${text}` : nameOf(part);
  }
  return text;
}

/** The name of a parameter as ordinary words: `maskThreshold` → ‘mask threshold’. The unit is left out. */
export const inWords = (name: string): string =>
  `‘${name.replace(/(Px|Ms)$/, '').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)}’`;

/** The option for a parameter: `sizePx` → `size`. The unit is in the option's help. */
export const flagOf = (name: string) =>
  name.replace(/(Px|Ms)$/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const kinds: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

function needOf(issue: Omit<z.core.$ZodIssue, 'path'>): string {
  const { code, message, minimum, maximum, inclusive, values, expected, format, origin, keys } =
    issue as unknown as Partial<Record<string, unknown>>;
  const isLength = origin === 'string' || origin === 'array' || origin === 'set';
  const unit = origin === 'string' ? 'characters' : 'items';
  if (code === 'too_small' && isLength)
    return Number(minimum) <= 1 ? 'is empty' : `needs at least ${String(minimum)} ${unit}`;
  if (code === 'too_big' && isLength) return `may have at most ${String(maximum)} ${unit}`;
  if (code === 'too_small' && typeof minimum === 'number')
    return `must be ${inclusive ? 'at least' : 'more than'} ${minimum}`;
  if (code === 'too_big' && typeof maximum === 'number')
    return `must be ${inclusive ? 'at most' : 'less than'} ${maximum}`;
  if (code === 'invalid_value' && Array.isArray(values)) return `must be one of ${values.join(', ')}`;
  if (expected === 'int' || format === 'safeint') return 'must be a whole number';
  if (code === 'invalid_type' && /received undefined$/.test(String(message))) return 'is missing';
  if (code === 'invalid_type' && typeof expected === 'string') return `must be ${kinds[expected] ?? expected}`;
  if (code === 'unrecognized_keys' && Array.isArray(keys)) return `has no ${keys.map(String).map(inWords).join(', ')}`;
  if (code === 'invalid_format' && !/^Invalid/.test(String(message))) return String(message); // the schema's own words
  return code === 'custom' ? `is refused: ${String(message).replace(/\.$/, '')}` : 'is not valid';
}
