/**
 * Search spaces of methods: the default space, derived from the schema of the method alone, and the check of a space that a person wrote. Only the usual order of importance
 * names parameters; any parameter of any schema can be searched.
 */
import { z } from 'zod';
import { clamp } from '../../contract/numbers.ts';
import { problemsOf } from '../../contract/problems.ts';
import type { Choice, Domain, SearchProposal, Space } from '../../contract/search.ts';
import { parentsFirst, valueAt } from '../../contract/space.ts';
import { WinnowError } from '../../contract/errors.ts';

interface Property {
  type?: string;
  enum?: Choice[];
  const?: unknown;
  title?: string;
  default?: unknown;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  group?: string;
  advanced?: boolean;
}

const propertiesOf = (schema: z.ZodType): Record<string, Property> =>
  (z.toJSONSchema(schema, { io: 'input' }) as { properties?: Record<string, Property> }).properties ?? {};

/**
 * The usual order of importance: architecture, learning rate, batch size, regularisation, optimizer (Bengio 2012; Godbole et al. 2023, 'Deep Learning Tuning Playbook').
 * `domain`: in place of the one that follows from the schema.
 */
const usual: readonly { name: string; group: string; domain?: (property: Property) => Domain | null }[] = [
  { name: 'depth', group: 'Architecture' },
  { name: 'width', group: 'Architecture', domain: ({ default: d, ...p }) => logInt(p, Number(d) / 2, Number(d) * 2) },
  { name: 'batchNorm', group: 'Architecture' },
  {
    name: 'learningRate',
    group: 'Learning rate',
    domain: ({ default: d, ...p }) => logFloat(p, Number(d) / 20, Number(d) * 20),
  },
  {
    name: 'batch',
    group: 'Batch size',
    domain: ({ default: d, ...p }) => logInt(p, Math.max(4, Number(d) / 4), Math.max(16, Number(d) * 4)),
  },
  { name: 'weightDecay', group: 'Regularisation', domain: (p) => logFloat(p, 1e-4, 0.3) },
  { name: 'penalty', group: 'Regularisation', domain: (p) => logFloat(p, 1e-5, 10) },
  {
    name: 'dropout',
    group: 'Regularisation',
    domain: (p) => ({ type: 'float', low: 0, high: Math.min(0.6, p.maximum ?? 1) }),
  },
  {
    name: 'policy',
    group: 'Regularisation',
    domain: ({ enum: choices = [] }) => {
      const usualPolicies = ['none', 'custom', 'randaugment'].filter((id) => choices.includes(id));
      return usualPolicies.length > 1 ? { type: 'categorical', choices: usualPolicies } : null;
    },
  },
  {
    name: 'magnitude',
    group: 'Regularisation',
    domain: () => ({ type: 'int', low: 2, high: 15, when: { policy: ['randaugment'] } }),
  },
  {
    name: 'optimizer',
    group: 'Optimizer',
    domain: ({ enum: choices = [] }) => ({
      type: 'categorical',
      choices: choices.filter((id) => id === 'adamw' || id === 'sgd'),
    }),
  },
  {
    name: 'momentum',
    group: 'Optimizer',
    domain: () => ({ type: 'float', low: 0.5, high: 0.98, when: { optimizer: ['sgd', 'rmsprop'] } }),
  },
];

/** Not part of a model: they set how long or on what it trains, or how it is tested. They can be searched on request. */
const notByDefault = new Set([
  'epochs',
  'minSteps',
  'patience',
  'stability',
  'validation',
  'complexity',
  'sizePx',
  'cropPx',
  'fit',
  'normal',
  'flip',
]);

const leastOf = ({ minimum, exclusiveMinimum }: Property): number => minimum ?? exclusiveMinimum ?? -Infinity;
const mostOf = ({ maximum }: Property): number =>
  maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : Infinity;

function logInt(property: Property, low: number, high: number): Domain | null {
  const from = Math.max(1, leastOf(property), Math.round(low));
  const to = Math.min(mostOf(property), Math.round(high));
  return from < to ? { type: 'int', low: from, high: to, log: true } : null;
}

function logFloat(property: Property, low: number, high: number): Domain | null {
  const [from, to] = [Math.max(low, leastOf(property)), Math.min(high, mostOf(property))];
  const round = (value: number): number => Number(value.toPrecision(2));
  return from > 0 && from < to ? { type: 'float', low: round(from), high: round(to), log: true } : null;
}

/** A domain around the default of a parameter, within its bounds; null if it has one value only. */
function domainOf(property: Property): Domain | null {
  const { type, enum: choices, default: usualValue } = property;
  if (property.const !== undefined) return null;
  if (choices) return choices.length > 1 ? { type: 'categorical', choices } : null;
  if (type === 'boolean') return { type: 'categorical', choices: [false, true] };
  const value = Number(usualValue);
  const [least, most] = [leastOf(property), mostOf(property)];
  if (!Number.isFinite(value)) return null;
  if (type === 'integer') {
    if (value >= 8) return logInt(property, value / 4, value * 4);
    const [low, high] = [Math.max(least, value - 2), Math.min(most, value + 2)];
    return low < high ? { type: 'int', low: Math.max(low, Number.isFinite(least) ? least : 0), high } : null;
  }
  const isShare = least === 0 && most <= 1;
  if (value > 0 && !isShare) return logFloat(property, value / 10, value * 10);
  const low = Number.isFinite(least) ? least : 0;
  const high = isShare
    ? Math.min(most, Math.max(0.5 * most, 2 * value))
    : Number.isFinite(most)
      ? most
      : Math.max(1, 4 * value);
  return low < high ? { type: 'float', low, high } : null;
}

/** Everything that a schema allows to search, in the usual order, and the default space. */
export function proposeSpace(
  schema: z.ZodType,
  fixed: Record<string, unknown>,
): Pick<SearchProposal, 'space' | 'order'> {
  const properties = propertiesOf(schema);
  const order: SearchProposal['order'] = [];
  const space: Space = {};
  const add = (name: string, group: string, domain: Domain | null, isDefault: boolean): void => {
    if (!domain) return;
    order.push({ name, title: properties[name].title ?? name, group, domain });
    if (isDefault) space[name] = domain;
  };
  for (const { name, group, domain } of usual) {
    const property = properties[name];
    if (!property || property.const !== undefined) continue;
    // Around the value that the person has set.
    const around = { ...property, default: fixed[name] ?? property.default };
    add(name, group, domain ? domain(around) : domainOf(around), true);
  }
  const isUsual = new Set(usual.map(({ name }) => name));
  const own = Object.keys(properties).filter((name) => !isUsual.has(name));
  const hasNone = Object.keys(space).length === 0;
  for (const name of own)
    add(
      name,
      'Other',
      domainOf({ ...properties[name], default: fixed[name] ?? properties[name].default }),
      hasNone && !notByDefault.has(name),
    );
  return { order, space };
}

/**
 * Checks a space against the schema of the method: names, types, bounds, conditions. `changesMeasure`: parameters that change the objective itself, so that values could not be
 * compared. Throws WinnowError `bad-request` that names the parameter.
 */
export function checkSpace(
  space: Space,
  schema: z.ZodType,
  fixed: Record<string, unknown>,
  changesMeasure: readonly string[],
  title: string,
): void {
  const properties = propertiesOf(schema);
  const refuse = (message: string): never => {
    throw new WinnowError('bad-request', message);
  };
  for (const [name, domain] of Object.entries(space)) {
    if (!properties[name])
      refuse(`${title} has no parameter ‘${name}’. It has: ${Object.keys(properties).join(', ')}.`);
    if (domain.type === 'float' && properties[name].type === 'integer')
      refuse(`‘${name}’ is a whole number: search it as type ‘int’.`);
    if (changesMeasure.includes(name))
      refuse(
        `‘${name}’ changes how the objective is measured, so its values could not be compared. Choose another objective, or do not search it.`,
      );
    for (const value of valuesToCheck(domain)) {
      const field = (schema as z.ZodObject).shape[name] as z.ZodType;
      const checked = field.safeParse(value);
      if (!checked.success)
        refuse(`‘${name}’ ${problemsOf(checked.error)[0].need}; ${JSON.stringify(value)} is not possible.`);
    }
    for (const [parent, values] of Object.entries(domain.when ?? {})) {
      if (!properties[parent]) refuse(`The condition of ‘${name}’ names ‘${parent}’, which ${title} does not have.`);
      const known = space[parent];
      if (known?.type === 'categorical' && !values.some((value) => known.choices.includes(value)))
        refuse(`‘${name}’ is never used: ‘${parent}’ is never ${values.join(' or ')}.`);
      if (!known && !values.includes(fixed[parent] as Choice))
        refuse(
          `‘${name}’ is never used: ‘${parent}’ is ${String(fixed[parent])}. Search ‘${parent}’ too, or remove the condition.`,
        );
    }
  }
  try {
    parentsFirst(space);
  } catch (error) {
    refuse((error as Error).message);
  }
}

const valuesToCheck = (domain: Domain): Choice[] =>
  domain.type === 'categorical' ? [...domain.choices] : [domain.low, domain.high, valueAt(domain, 0.5)];

/** The domain with a lower upper bound, if that leaves more than one value; else the domain. */
export function withMost(domain: Domain, most: number): Domain {
  if (domain.type === 'categorical') return domain;
  const high = clamp(most, domain.low + 1, domain.high);
  return { ...domain, high };
}
