/** The command that makes a run again, from its record: the same method, parameters, seed, split and training images. */
import { WinnowError } from '../contract/errors.ts';
import { rankSchema, trainSchema } from '../contract/schemas.ts';
import type { Run } from '../contract/types.ts';
import { quoteWord } from '../contract/words.ts';
import { rankWords, searchWords, trainWords, type Word } from './command-words.ts';
import { textOf, type Command } from './commands.ts';

/** Without the program's name. An unfinished run is resumed by it. Throws WinnowError `bad-request` if the record lacks something. */
export const commandOfRun = (run: Run, folder: string): string => textOf(commandFor(run), quoteWord(folder));

function commandFor(run: Run): Command {
  switch (run.kind) {
    case 'train':
      return { name: 'train', words: wordsOfTraining(run) };
    case 'rank':
      return { name: 'rank', words: wordsOfRanking(run) };
    case 'labels':
      return { name: 'labels', words: wordsOfLabels(run) };
    case 'search':
      if (!run.search) throw lacking(run, 'what was searched');
      return { name: 'search', words: searchWords(run.search.request) };
    case 'range-test':
      throw lacking(run, 'how the images were split');
  }
}

const lacking = ({ id }: Run, what: string) =>
  new WinnowError('bad-request', `${id} cannot be repeated by a command: its record does not say ${what}.`);

function wordsOfTraining(run: Run): Word[] {
  const { method: model, seed, parameters, classification } = run;
  if (!classification?.asked) throw lacking(run, 'how the images were split');
  const { division, weights } = classification.asked;
  const mode = classification.mode ?? 'scratch';
  return trainWords(trainSchema.parse({ model, mode, seed, parameters, division, weights }));
}

function wordsOfRanking({ method, seed, parameters, trainOn, origin }: Run): Word[] {
  if (origin) return ['--run', origin.runId, '--of', origin.folder];
  return rankWords(rankSchema.parse({ method, seed, parameters, trainOn: trainOn ?? null }), null, null);
}

/** By the predictions of a classifier, or by heads on embeddings. */
function wordsOfLabels({ seed, parameters: { run, folds, repeats } }: Run): Word[] {
  const how = run === undefined ? ['--folds', String(folds), '--repeats', String(repeats)] : ['--run', String(run)];
  return [...how, '--seed', String(seed)];
}
