/**
 * The models of the compute process, each loaded once and shared by the calls that use it at the same time: a preview asks again as its sliders move, a
 * loupe image after image. Users are counted: a model is disposed of only when nobody uses it. Unused models are kept for the next call up to a limit of
 * memory; the least recently used go first.
 */
import fs from 'node:fs';

interface Model {
  /** That its weights take. */
  bytes: number;
  dispose(): void;
}

interface Entry {
  file: string;
  opened: Promise<Model>;
  /** 0 until it is open. */
  bytes: number;
  users: number;
}

/** Of weights, together: more than this and unused models go. */
const usualMostBytes = 512 * 2 ** 20;
let mostBytes = usualMostBytes;

/** By file and state of it, the one used last at the end. */
const entries = new Map<string, Entry>();

/** Does something with the model in `file`. What `open` makes of it is the store's: it is not to be disposed of by `work`, nor used after it. */
export async function withModel<M extends Model, Result>(
  file: string,
  open: () => M | Promise<M>,
  work: (model: M) => Promise<Result>,
): Promise<Result> {
  const key = `${file}\n${stateOf(file)}`;
  const entry = entries.get(key) ?? { file, opened: Promise.resolve().then(open), bytes: 0, users: 0 };
  entries.delete(key);
  entries.set(key, entry);
  entry.users++;
  try {
    const model = (await entry.opened) as M;
    entry.bytes = model.bytes;
    return await work(model);
  } finally {
    entry.users--;
    await tidy(key, entry);
  }
}

/** For this process; unused models that exceed it go with the next call. */
export function limitModelBytes(bytes = usualMostBytes): void {
  mostBytes = bytes;
}

/** Disposes of all that nobody uses. */
export async function forgetModels(): Promise<void> {
  for (const [key, entry] of unused()) await drop(key, entry);
}

/** A model file that was rewritten is a different model. */
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
  let bytes = [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  const dropped: Promise<void>[] = [];
  for (const [key, entry] of unused()) {
    if (bytes <= mostBytes) break;
    bytes -= entry.bytes;
    dropped.push(drop(key, entry));
  }
  await Promise.all(dropped);
}

async function drop(key: string, entry: Entry): Promise<void> {
  entries.delete(key); // at once, so that nobody comes to it any more
  await entry.opened.then(
    (model) => model.dispose(),
    () => undefined,
  );
}
