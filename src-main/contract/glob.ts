/**
 * Glob patterns of expressions (`path like …`), `--train-on` and commands. `*` and `?` match within a folder, `**` crosses folders, `{a,b}` is an
 * alternative, `{1..12}` a range, `[0-9]` and `[!a]` are classes, a `!` in front negates the whole pattern, and `\` takes the next character literally.
 * Hidden files match like others, matching is case-sensitive, and `/` separates folders on every system. All other characters are literal, also
 * parentheses, since `photo (1).jpg` is an ordinary name. A pattern always matches the identical text, also in another form of Unicode.
 */
import picomatch from 'picomatch';
import { nfc } from './same-name.ts';

/** picomatch reads these as regular expressions, quotes or extended globs; here they are plain characters. */
const plain = /\\.|[()|"]/gsu;

export function globMatcher(pattern: string): (text: string) => boolean {
  if (!pattern) return (text) => text === '';
  const wanted = nfc(pattern);
  const escaped = wanted.replace(plain, (part) => (part.length > 1 ? part : `\\${part}`));
  const expression = picomatch.makeRe(escaped, {
    windows: false,
    dot: true,
    posix: true,
    regex: false,
    noextglob: true,
    flags: 's',
    expandRange: (...parts: unknown[]) => rangeOf(parts.filter((part) => typeof part === 'string')),
  });
  return (text) => {
    const own = nfc(text);
    return own === wanted || expression.test(own);
  };
}

/** Whether text is a pattern and not a plain path. */
export const isGlob = (text: string): boolean => /[*?[\]{}\\]|^!/.test(text);

/** A pattern that matches exactly this text. */
export const escapeGlob = (text: string): string => text.replace(/[\\*?[\]{}]|^!/g, '\\$&');

const maxRangeLength = 10_000;

/** A range in braces, `{1..12}`, `{001..120}` or `{a..f}`, as a group of a regular expression. Anything else is literal text. */
function rangeOf(parts: readonly string[]): string {
  const [from, to] = parts;
  if (parts.length === 2 && parts.every((part) => /^[a-z]$/i.test(part)))
    return from <= to ? `[${from}-${to}]` : `[${to}-${from}]`;
  const [low, high] = parts.map(Number).sort((a, b) => a - b);
  if (parts.length !== 2 || !parts.every((part) => /^\d+$/.test(part)) || high - low > maxRangeLength)
    return `\\{${parts.join('..').replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}\\}`;
  const digits = parts.some((part) => /^0\d/.test(part)) ? Math.max(from.length, to.length) : 0;
  return `(?:${Array.from({ length: high - low + 1 }, (_, i) => String(low + i).padStart(digits, '0')).join('|')})`;
}
