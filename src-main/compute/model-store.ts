/**
 * Models out of files, loaded once and shared by the calls that use them at the same time: a preview asks again as its sliders move, a loupe image after
 * image, and another run may be asked for while one call still waits for its device. So users are counted: a model is disposed of only when nobody uses
 * it, and a few that nobody uses are kept for the next call.
 */
import fs from 'node:fs';

interface Model {
  dispose(): void;
}

interface Entry {
  file: string;
  opened: Promise<Model>;
  users: number;
}

const mostUnused = 2;

/** By file and state of it, the one used last at the end. */
const entries = new Map<string, Entry>();

/** Does something with the model in `file`. What `open` makes of it is the store's: it is not to be disposed of by `work`, nor used after it. */
export async function withModel<M extends Model, Result>(
  file: string,
  open: () => M | Promise<M>,
  work: (model: M) => Promise<Result>,
): Promise<Result> {
  const key = `${file}\n${stateOf(file)}`;
  const entry = entries.get(key) ?? { file, opened: Promise.resolve().then(open), users: 0 };
  entries.delete(key);
  entries.set(key, entry);
  entry.users++;
  try {
    return await work((await entry.opened) as M);
  } finally {
    entry.users--;
    await tidy(key, entry);
  }
}

/** Disposes of all that nobody uses. */
export async function forgetModels(): Promise<void> {
  for (const [key, entry] of unused()) await drop(key, entry);
}

/** A run's model that was written anew is another one. */
function stateOf(file: string): string {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : '';
}

const unused = (): [string, Entry][] => [...entries].filter(([, { users }]) => users === 0);

async function tidy(key: string, entry: Entry): Promise<void> {
  const failed = await entry.opened.then(
    () => false,
    () => true,
  );
  if (failed && entries.get(key) === entry) entries.delete(key);
  const free = unused();
  for (const [key, entry] of free.slice(0, Math.max(0, free.length - mostUnused))) await drop(key, entry);
}

async function drop(key: string, entry: Entry): Promise<void> {
  entries.delete(key); // at once, so that nobody comes to it any more
  await entry.opened.then(
    (model) => model.dispose(),
    () => undefined,
  );
}
