/** Forms from JSON Schema: the few shapes that parameters have. Properties with only one possible value are omitted. */

export interface Field {
  name: string;
  title: string;
  description: string;
  unit: string | null;
  isAdvanced: boolean;
  /** The heading of the field. */
  group: string | null;
  kind: 'choice' | 'number' | 'switch';
  choices: readonly (string | number)[];
  /** Titles of choices, where the value itself says too little. */
  labels: Readonly<Record<string, string>>;
  isWhole: boolean;
  min: number | null;
  max: number | null;
  step: number | null;
  default: unknown;
}

interface Property {
  type?: string;
  enum?: (string | number)[];
  labels?: Record<string, string>;
  title?: string;
  description?: string;
  unit?: string;
  advanced?: boolean;
  group?: string;
  default?: unknown;
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  step?: number;
}

export const fieldsOf = (schema: Record<string, unknown>): Field[] =>
  Object.entries((schema.properties ?? {}) as Record<string, Property>)
    .filter(([, property]) => property.const === undefined)
    .map(([name, property]) => ({
      name,
      title: property.title ?? name,
      description: property.description ?? '',
      unit: property.unit ?? null,
      isAdvanced: property.advanced ?? false,
      group: property.group ?? null,
      kind: property.enum ? 'choice' : property.type === 'boolean' ? 'switch' : 'number',
      choices: property.enum ?? [],
      labels: property.labels ?? {},
      isWhole: property.type === 'integer',
      min: property.minimum ?? property.exclusiveMinimum ?? null,
      // The bounds of safe integers are not meaningful bounds.
      max: property.maximum !== undefined && property.maximum < Number.MAX_SAFE_INTEGER ? property.maximum : null,
      step: property.step ?? null,
      default: property.default,
    }));

export const defaultsOf = (schema: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(fieldsOf(schema).map((field) => [field.name, field.default]));

/** Fields by heading, in the order in which the headings first occur. */
export function groupsOf(fields: readonly Field[]): { group: string | null; fields: Field[] }[] {
  return [...Map.groupBy(fields, ({ group }) => group)].map(([group, own]) => ({ group, fields: own }));
}
