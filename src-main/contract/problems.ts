/** Messages about parameters that a schema refuses, in the words of the person who gave them. */
import { z } from 'zod';

/** One line for each problem. `nameOf`: what the person calls a parameter, by its name in the schema. */
export const problemsText = (error: z.ZodError, nameOf: (name: string) => string): string =>
  error.issues
    .map(({ path: [name, ...inner], ...issue }) =>
      name === undefined
        ? issue.message
        : `${[nameOf(String(name)), ...inner.map(String)].join('.')} ${needOf(issue)}.`,
    )
    .join('\n');

function needOf(issue: Omit<z.core.$ZodIssue, 'path'>): string {
  const { code, message, minimum, maximum, inclusive, values, expected, format } = issue as Partial<
    Record<string, unknown>
  >;
  if (code === 'too_small' && typeof minimum === 'number')
    return `must be ${inclusive ? 'at least' : 'more than'} ${minimum}`;
  if (code === 'too_big' && typeof maximum === 'number')
    return `must be ${inclusive ? 'at most' : 'less than'} ${maximum}`;
  if (code === 'invalid_value' && Array.isArray(values)) return `must be one of ${values.join(', ')}`;
  if (expected === 'int' || format === 'safeint') return 'must be a whole number';
  if (code === 'invalid_type' && typeof expected === 'string') return `must be a ${expected}`;
  return `is refused: ${String(message).replace(/\.$/, '')}`;
}

/** The title of a parameter in the window; its name if it has none. */
export function titleIn(schema: z.ZodType): (name: string) => string {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as {
    properties?: Record<string, { title?: string }>;
  };
  return (name) => (properties[name]?.title ? `‘${properties[name].title}’` : `‘${name}’`);
}
