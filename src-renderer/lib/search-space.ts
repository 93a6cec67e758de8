/** The space of a search as a form and as JSON: domains and conditions in words, and reading JSON with the place of each error. */
import type { Choice, Condition, Domain, Space } from '../../src-main/contract/search.ts';
import { valueText } from '../../src-main/contract/space.ts';

/** `optimizer is sgd`, `policy is custom or trivial`; empty without a condition. */
export const conditionText = (when: Condition | undefined, titleOf: (name: string) => string): string =>
  Object.entries(when ?? {})
    .map(([parent, choices]) => {
      const words = choices.map((choice) =>
        typeof choice === 'boolean' ? (choice ? 'on' : 'off') : valueText(choice),
      );
      return `${titleOf(parent)} is ${words.length > 1 ? `${words.slice(0, -1).join(', ')} or ${words.at(-1)}` : words[0]}`;
    })
    .join(' and ');

/** `0.0001 to 0.1, logarithmic`, `2 to 8 in steps of 2`, `adam, sgd`. */
export function domainText(domain: Domain): string {
  if (domain.type === 'categorical') return domain.choices.map(valueText).join(', ');
  const step = domain.type === 'int' && (domain.step ?? 1) > 1 ? ` in steps of ${domain.step}` : '';
  return `${valueText(domain.low)} to ${valueText(domain.high)}${step}${domain.log ? ', logarithmic' : ''}`;
}

/** What is wrong with a domain, in words; null if nothing is. The same rules as the engine's. */
export function domainProblem(domain: Domain): string | null {
  if (domain.type === 'categorical') return domain.choices.length < 2 ? 'Choose at least two values.' : null;
  const { low, high, log } = domain;
  if (!Number.isFinite(low) || !Number.isFinite(high)) return 'Both bounds must be numbers.';
  if (domain.type === 'int' && !(Number.isInteger(low) && Number.isInteger(high)))
    return 'The bounds must be whole numbers.';
  if (domain.type === 'int' && domain.step !== undefined && !(Number.isInteger(domain.step) && domain.step >= 1))
    return 'The step must be a whole number from 1.';
  if (low >= high) return 'The lower bound must be below the upper one.';
  return log && low <= 0 ? 'A logarithmic range must be above 0.' : null;
}

export type SpaceText = { space: Space; problem?: undefined } | { space?: undefined; problem: string };

const place = (text: string, at: number): string => {
  const before = text.slice(0, at).split('\n');
  return `line ${before.length}, column ${(before.at(-1) as string).length + 1}`;
};

/** Where the parameter, or a field in it, is written. */
function placeOf(text: string, name: string, field?: string): string {
  const start = Math.max(0, text.search(keyPattern(name)));
  const within = field === undefined ? -1 : text.slice(start).search(keyPattern(field));
  return place(text, start + Math.max(0, within));
}
const keyPattern = (key: string) => new RegExp(`${JSON.stringify(key).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*:`);

/** Reads a space. `known`: the parameters that can be searched. The first error is returned, with its place. */
export function readSpace(text: string, known: readonly string[]): SpaceText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    const at = /position (\d+)/.exec(message)?.[1];
    const where = at === undefined ? place(text, text.trimEnd().length) : place(text, Number(at));
    return {
      problem: `Not JSON, ${where}: ${message.replace(/ in JSON at position.*$/, '').replace(/ \(line.*$/, '')}.`,
    };
  }
  if (!isRecord(value)) return { problem: 'Line 1, column 1: a space is an object with a domain for each parameter.' };
  const fail = (problem: string, name: string, field?: string): SpaceText => {
    const where = placeOf(text, name, field);
    return { problem: `${where[0].toUpperCase()}${where.slice(1)}: ${problem}` };
  };
  if (!Object.keys(value).length) return { problem: 'Line 1, column 1: a search needs at least one parameter.' };
  for (const [name, domain] of Object.entries(value)) {
    if (!known.includes(name))
      return fail(`‘${name}’ is no parameter that can be searched. They are ${known.join(', ')}.`, name);
    const problem = shapeProblem(domain);
    if (problem) return fail(`‘${name}’: ${problem.text}`, name, problem.field);
    const wrong = domainProblem(domain as Domain);
    if (wrong) return fail(`‘${name}’: ${wrong}`, name);
  }
  return { space: value as Space };
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isChoice = (value: unknown): value is Choice => ['string', 'number', 'boolean'].includes(typeof value);

const fieldsOf: Record<Domain['type'], readonly string[]> = {
  float: ['type', 'low', 'high', 'log', 'when'],
  int: ['type', 'low', 'high', 'log', 'step', 'when'],
  categorical: ['type', 'choices', 'when'],
};

/** What is wrong with the shape of a domain. */
function shapeProblem(domain: unknown): { text: string; field?: string } | null {
  if (!isRecord(domain)) return { text: 'a domain is an object with a type.' };
  const { type, low, high, log, step, choices, when } = domain;
  const fields = typeof type === 'string' && type in fieldsOf ? fieldsOf[type as Domain['type']] : null;
  if (!fields) return { text: '‘type’ must be "float", "int" or "categorical".', field: 'type' };
  const foreign = Object.keys(domain).find((field) => !fields.includes(field));
  if (foreign) return { text: `‘${foreign}’ is no field of the type ${String(type)}.`, field: foreign };
  if (type === 'categorical') {
    if (!Array.isArray(choices) || !choices.every(isChoice))
      return { text: '‘choices’ must be a list of texts, numbers or truth values.', field: 'choices' };
  } else {
    for (const [field, bound] of Object.entries({ low, high }))
      if (typeof bound !== 'number') return { text: `‘${field}’ must be a number.`, field };
    if (log !== undefined && typeof log !== 'boolean') return { text: '‘log’ must be true or false.', field: 'log' };
    if (step !== undefined && typeof step !== 'number') return { text: '‘step’ must be a number.', field: 'step' };
  }
  if (
    when !== undefined &&
    !(isRecord(when) && Object.values(when).every((list) => Array.isArray(list) && list.length && list.every(isChoice)))
  )
    return { text: '‘when’ must give a list of values for each parameter that it depends on.', field: 'when' };
  return null;
}

/** JSON with a line for each field of a domain: the form is narrow. */
export const spaceAsText = (space: Space): string =>
  Object.keys(space).length
    ? `{\n${Object.entries(space)
        .map(([name, domain]) => `  ${JSON.stringify(name)}: {\n${linesOf(domain)}\n  }`)
        .join(',\n')}\n}`
    : '{}';

const linesOf = (domain: Domain): string =>
  Object.entries(domain)
    .filter(([, value]) => value !== undefined)
    .map(([field, value]) => `    ${JSON.stringify(field)}: ${inline(value)}`)
    .join(',\n');

/** JSON on one line, with spaces. */
const inline = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(inline).join(', ')}]`
    : isRecord(value)
      ? `{ ${Object.entries(value)
          .filter(([, own]) => own !== undefined)
          .map(([key, own]) => `${JSON.stringify(key)}: ${inline(own)}`)
          .join(', ')} }`
      : JSON.stringify(value);
