/** Generates options from schemas, one for each parameter of any record of a registry, and reads parameters back from options. */
import { Option, type Command } from 'commander';
import { z } from 'zod';
import { WinnowError } from '../contract/errors.ts';
import { flagOf, problemsOf, problemsText } from '../contract/problems.ts';

interface Property {
  type?: string;
  enum?: unknown[];
  default?: unknown;
  description?: string;
  unit?: string;
}

/** A record of a registry (scorer, classifier) with a schema of its parameters. */
export interface Parametrised {
  id: string;
  schema: z.ZodType;
}

const known = new WeakMap<z.ZodType, Property>();

/** Records share most of their parameters, and all commands are declared at each start: so each parameter is converted once, which takes a seventh of the time. */
function propertyOf(parameter: z.ZodType): Property {
  const before = known.get(parameter);
  if (before) return before;
  const property = z.toJSONSchema(parameter, { io: 'input' }) as Property;
  known.set(parameter, property);
  return property;
}

const propertiesOf = (schema: z.ZodType): Record<string, Property> =>
  Object.fromEntries(
    Object.entries((schema as z.ZodObject<Record<string, z.ZodType>>).shape).map(([name, parameter]) => [
      name,
      propertyOf(parameter),
    ]),
  );

const optionOf = (name: string) => flagOf(name).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
const isNumber = ({ type, default: value }: Property) =>
  type === 'number' || type === 'integer' || typeof value === 'number';

export function addParameterFlags(command: Command, records: readonly Parametrised[]) {
  const flags = new Map<string, { id: string; property: Property }[]>();
  for (const { id, schema } of records)
    for (const [name, property] of Object.entries(propertiesOf(schema)))
      flags.set(name, [...(flags.get(name) ?? []), { id, property }]);
  for (const [name, uses] of flags) {
    const [{ property }] = uses;
    const unit = property.unit ? ` (${property.unit})` : '';
    const choices = property.enum ? ` One of ${byRecord(uses, (one) => one.enum?.join(', ') ?? '')}.` : '';
    const only = uses.length < records.length ? ` [${uses.map(({ id }) => id).join(', ')}]` : '';
    command.addOption(
      new Option(
        `--${flagOf(name)} <${isNumber(property) ? 'number' : 'value'}>`,
        `${property.description ?? name}${unit}${choices} Default ${byRecord(uses, (one) => String(one.default))}.${only}`,
      ),
    );
  }
}

/** The most frequent value first, then the exceptions: "0.002, 0.0001 for alexnet". */
function byRecord(uses: readonly { id: string; property: Property }[], textOf: (property: Property) => string): string {
  const [[usual], ...others] = [...Map.groupBy(uses, ({ property }) => textOf(property))].sort(
    ([, a], [, b]) => b.length - a.length,
  );
  return [usual, ...others.map(([text, who]) => `${text} for ${who.map(({ id }) => id).join(' and ')}`)].join(
    others.some(([text]) => text.includes(',')) ? '; ' : ', ',
  );
}

/** The given parameters, typed by the record's schema. Throws `bad-request`, in the words of options, for one that the record does not have and for a value that it refuses. */
export function parametersOf(
  options: Record<string, unknown>,
  record: Parametrised,
  records: readonly Parametrised[],
): Record<string, unknown> {
  const properties = propertiesOf(record.schema);
  const given: Record<string, unknown> = {};
  for (const name of new Set(records.flatMap(({ schema }) => Object.keys(propertiesOf(schema))))) {
    const value = options[optionOf(name)];
    if (value === undefined) continue;
    if (!properties[name]) throw new WinnowError('bad-request', `${record.id} has no option --${flagOf(name)}.`);
    if (isNumber(properties[name]) && !Number.isFinite(Number(value)))
      throw new WinnowError('bad-request', `--${flagOf(name)} must be a number, not ‘${String(value)}’.`);
    given[name] = isNumber(properties[name])
      ? Number(value)
      : properties[name].type === 'boolean'
        ? value === true || value === 'true'
        : value;
  }
  const checked = record.schema.safeParse(given);
  if (!checked.success)
    throw new WinnowError(
      'bad-request',
      problemsText(problemsOf(checked.error), (name) => `--${flagOf(name)}`),
    );
  return given;
}
