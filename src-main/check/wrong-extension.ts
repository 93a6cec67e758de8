/** Files whose extension names another format than their content. Programs that rely on the extension fail on such files or skip them. */
import { formatOfName } from '../image/format.ts';
import type { Check } from './check.ts';

/** Camera raw files are TIFF inside. */
const alsoCalled: Record<string, string> = { raw: 'tiff' };

export const wrongExtension: Check = {
  id: 'wrong-extension',
  title: 'Wrong extension',
  summary: 'The file extension does not match the content.',
  threshold: 0.5,
  score: ({ count, paths, formats }) =>
    Float64Array.from({ length: count }, (_, i) => {
      const named = formatOfName(paths[i]);
      return named === null || named === formats[i] || alsoCalled[named] === formats[i] ? 0 : 1;
    }),
};
