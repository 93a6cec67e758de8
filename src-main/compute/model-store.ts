/**
 * A cache of the compute process's models, by file. Each model is loaded once and shared by all calls that use it: the loupe, for example, requests image after
 * image. Users are counted, and a model is disposed of only when no call uses it. Unused models stay loaded up to a memory limit; the least recently used go
 * first.
 */
import fs from 'node:fs';

interface Model {
  /** Size of its weights. */
  bytes: number;
  dispose(): void;
}

interface Entry {
  file: string;
  opened: Promise<Model>;
  /** 0 until the model is loaded. */
  bytes: number;
  users: number;
}

/** If the weights of all models exceed this, unused models are disposed of. */
const defaultMaxBytes = 512 * 2 ** 20;
let maxBytes = defaultMaxBytes;

/** By file name and version of the file; the most recently used is last. */
const entries = new Map<string, Entry>();

/** Calls `work` with the model in `file`, loaded by `open` if necessary. `work` must not dispose of the model nor use it later. */
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
    await release(key, entry);
  }
}

/** Sets the limit for this process. It takes effect with the next call. */
export function limitModelBytes(bytes = defaultMaxBytes): void {
  maxBytes = bytes;
}

/** Disposes of all unused models. */
export async function forgetModels(): Promise<void> {
  for (const [key, entry] of unused()) await disposeOf(key, entry);
}

/** Identifies the version of a file: a file that was rewritten is another model. */
function stateOf(file: string): string {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : '';
}

const unused = (): [string, Entry][] => [...entries].filter(([, { users }]) => users === 0);

async function release(key: string, entry: Entry): Promise<void> {
  const failed = await entry.opened.then(
    () => false,
    () => true,
  );
  if (failed && entries.get(key) === entry) entries.delete(key);
  let bytes = [...entries.values()].reduce((sum, entry) => sum + entry.bytes, 0);
  const dropped: Promise<void>[] = [];
  for (const [key, entry] of unused()) {
    if (bytes <= maxBytes) break;
    bytes -= entry.bytes;
    dropped.push(disposeOf(key, entry));
  }
  await Promise.all(dropped);
}

async function disposeOf(key: string, entry: Entry): Promise<void> {
  entries.delete(key); // first, so that no new call finds it
  await entry.opened.then(
    (model) => model.dispose(),
    () => undefined,
  );
}
