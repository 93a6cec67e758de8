/**
 * Fuzzy search. Each typed word must match: as a substring (best at the start of a word), by the initials of words (`sas` finds ‘Select all shown’), or
 * at least by its letters in order. A better match has a higher score.
 */
export interface Match {
  score: number;
  /** The matched characters of the text, for highlighting. */
  at: readonly number[];
}

const whole = 1000;
const within = 600;
const beginnings = 400;
const scattered = 100;

/** null if a word does not match. An empty query matches everything equally. */
export function fuzzyMatch(query: string, text: string): Match | null {
  const lower = text.toLowerCase();
  let score = 0;
  const at = new Set<number>();
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const match = matchWord(word, lower);
    if (!match) return null;
    score += match.score;
    for (const i of match.at) at.add(i);
  }
  // Of two equal matches, the shorter text wins.
  return { score: score - Math.min(99, lower.length) / 100, at: [...at].sort((a, b) => a - b) };
}

const isBeginning = (text: string, i: number) => i === 0 || !/[\p{L}\p{N}]/u.test(text[i - 1]);
const range = (from: number, length: number) => Array.from({ length }, (_, i) => from + i);

function matchWord(word: string, text: string): Match | null {
  const first = text.indexOf(word);
  if (first >= 0) {
    for (let i = first; i >= 0; i = text.indexOf(word, i + 1))
      if (isBeginning(text, i)) return { score: whole - i, at: range(i, word.length) };
    return { score: within - first, at: range(first, word.length) };
  }
  if (word.length < 2) return null;
  const byBeginnings = followBeginnings(word, text, 0, -1);
  if (byBeginnings) return { score: beginnings - byBeginnings[0], at: byBeginnings };
  const letters: number[] = [];
  for (const letter of word) {
    const i = text.indexOf(letter, (letters.at(-1) ?? -1) + 1);
    if (i < 0) return null;
    letters.push(i);
  }
  return { score: scattered - Math.min(scattered - 1, (letters.at(-1) as number) - letters[0]), at: letters };
}

/** Each letter continues its word or starts a later one. */
function followBeginnings(word: string, text: string, n: number, last: number): number[] | null {
  if (n === word.length) return [];
  for (let i = text.indexOf(word[n], last + 1); i >= 0; i = text.indexOf(word[n], i + 1)) {
    if (!isBeginning(text, i) && !(n > 0 && i === last + 1)) continue;
    const rest = followBeginnings(word, text, n + 1, i);
    if (rest) return [i, ...rest];
  }
  return null;
}

/** A keyword must contain each typed word. A title is found by its letters too, and comes before a keyword that fits equally well. */
const [wordsOnly, forTitles] = [beginnings, 100];

/** The best match first; equal matches keep their order. An item is found by its text or by a keyword, which is then given, without matched characters. */
export function fuzzyFilter<Item>(
  items: readonly Item[],
  query: string,
  textOf: (item: Item) => string,
  keywordsOf: (item: Item) => readonly string[] | undefined = () => undefined,
): { item: Item; match: Match; keyword?: string }[] {
  const leastPerKeyword = wordsOnly * query.split(/\s+/).filter(Boolean).length;
  return items
    .flatMap((item) => {
      let found: { item: Item; match: Match; keyword?: string } | null = null;
      const match = fuzzyMatch(query, textOf(item));
      if (match) found = { item, match };
      for (const keyword of keywordsOf(item) ?? []) {
        const score = (fuzzyMatch(query, keyword)?.score ?? 0) - forTitles;
        if (score > leastPerKeyword - forTitles && score > (found?.match.score ?? 0))
          found = { item, match: { score, at: [] }, keyword };
      }
      return found ?? [];
    })
    .sort((a, b) => b.match.score - a.match.score);
}

/** The text split into matched and unmatched pieces. */
export function pieces(text: string, at: readonly number[]): { text: string; isFound: boolean }[] {
  const found = new Set(at);
  const out: { text: string; isFound: boolean }[] = [];
  for (let i = 0; i < text.length; i++) {
    const last = out.at(-1);
    if (last?.isFound === found.has(i)) last.text += text[i];
    else out.push({ text: text[i], isFound: found.has(i) });
  }
  return out;
}
