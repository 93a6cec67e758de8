/** The names of parameters in the window. */
import { z } from 'zod';
import { inWords } from './problems.ts';

/** The title of a parameter in the window; its name in words if it has none. */
export function titleIn(schema: z.ZodType): (name: string) => string {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' }) as {
    properties?: Record<string, { title?: string }>;
  };
  return (name) => (properties[name]?.title ? `‘${properties[name].title}’` : inWords(name));
}
