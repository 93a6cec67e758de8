/**
 * `winnow doctor`: what this machine has, what it lacks, and the one command that mends it. It changes nothing. Native
 * libraries are really loaded, each in a child of its own, since that they lie on the disk does not say that they run.
 */
import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { backendChoices, backendTitles, type Component } from '../contract/machine.ts';
import { chosenBackend } from '../compute/backend-choice.ts';
import { finish } from '../setup/child.mjs';
import { cacheFolder, dataFolder } from '../setup/folders.mjs';
import { pieces } from '../setup/pieces/index.mjs';
import { folderBytes, mebi } from '../setup/progress.mjs';
import { isShipped, node24, root } from '../setup/repository.mjs';

const forTests = ['screen', 'browser', 'tracer'];

export async function examine(): Promise<Component[]> {
  const tensorflow = await probe('tensorflow'); // alone, since it measures
  const [found, compute, webgpu, sharp] = await Promise.all([
    Promise.all(pieces.filter(({ id }) => !(isShipped() && forTests.includes(id))).map(examinePiece)),
    probe('compute'),
    probe('webgpu'),
    probe('sharp'),
  ]);
  return [
    ...found.map((piece) =>
      piece.id === 'tensorflow' && piece.state === 'ready' ? withTrial(piece, tensorflow) : piece,
    ),
    backendComponent(compute),
    webgpuComponent(webgpu),
    gpuComponent(tensorflow, webgpu),
    sharpComponent(sharp),
    await sqliteComponent(),
    spaceComponent('cache', 'cache folder', cacheFolder()),
    spaceComponent('data', 'data folder', dataFolder()),
  ];
}

async function examinePiece(piece: (typeof pieces)[number]): Promise<Component> {
  const { id, title, mend } = piece;
  try {
    const found = await piece.check();
    // Without one of these the command line and `serve` still do all they promise.
    const state = found.state === 'missing' && forTests.includes(id) ? 'optional' : found.state;
    return { id, title, ...found, state, mend: state === 'ready' ? null : mend };
  } catch (error) {
    return { id, title, state: 'broken', version: null, detail: sentenceOf(error), mend };
  }
}

/** Of `probe.ts`. */
interface ProbeResult {
  version: string;
  gpu?: boolean;
  threads?: number;
  gflops?: number;
  adapter?: string;
  software?: boolean;
  formats?: string[];
  vips?: string;
  backend?: string;
  device?: string;
  warning?: string | null;
}

type Probe = { found: ProbeResult; failure: null } | { found: null; failure: string };

async function probe(name: string): Promise<Probe> {
  const args = ['--disable-warning=ExperimentalWarning', join(import.meta.dirname, 'probe.ts'), name];
  const { stdout, failure } = await finish(node24() ?? process.execPath, args, {
    cwd: root,
    limitMs: 60_000,
    env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' },
  });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (line.startsWith('{')) return { found: JSON.parse(line), failure: null };
  return { found: null, failure: causeOf(failure ?? 'it answered nothing') };
}

/** Of a stack trace, the line that says what went wrong. */
function causeOf(failure: string): string {
  const lines = failure.split('\n').map((line) => line.trim());
  return lines.find((line) => /^\w*Error: /.test(line))?.replace(/^\w*Error: /, '') ?? lines[0];
}

function withTrial(piece: Component, { found, failure }: Probe): Component {
  if (!found)
    return {
      ...piece,
      state: 'broken',
      detail: `it is there but does not run: ${failure}`,
      mend: 'npm ci, then npm start -- setup tensorflow',
    };
  const device = found.gpu ? 'on the graphics card' : `${found.threads} threads`;
  return { ...piece, version: found.version, detail: `${device}, ${found.gflops} GFLOP/s (1024² matrix product)` };
}

/** What training runs on, and how to have another. */
function backendComponent({ found, failure }: Probe): Component {
  const base = { id: 'backend', title: 'networks are trained on', version: null };
  const { choice, fixed } = chosenBackend();
  const other = `WINNOW_BACKEND=${backendChoices.join('|')}, --backend of rank, map and serve, or the status bar of the window`;
  if (!found)
    return {
      ...base,
      state: 'broken',
      detail: failure,
      mend: choice === 'auto' ? 'npm start -- setup tensorflow' : `choose another: ${other}`,
    };
  const { backend, version, device, threads, warning } = found;
  const chosen = fixed ? 'as WINNOW_BACKEND says' : choice === 'auto' ? 'the first that works' : 'as was chosen';
  const parallel = backend === 'webgpu' ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return {
    ...base,
    state: 'ready',
    detail: `${backendTitles[backend as keyof typeof backendTitles]}, ${chosen}: ${version} on ${device}${parallel}.${warning ? ` ${warning}` : ''} Another: ${other}`,
    mend: null,
  };
}

function webgpuComponent({ found, failure }: Probe): Component {
  const base = { id: 'webgpu', title: 'WebGPU', version: null };
  const mend =
    process.platform === 'linux' ? 'apt-get install libvulkan1 and the Vulkan driver of the graphics card' : null;
  if (!found) return { ...base, state: 'optional', detail: `cannot be used: ${failure}`, mend };
  return {
    ...base,
    state: 'ready',
    detail: `${found.adapter}${found.software ? ', drawn by the processor: slower than native TensorFlow' : ''}`,
    mend: null,
  };
}

function gpuComponent(tensorflow: Probe, webgpu: Probe): Component {
  const base = { id: 'gpu', title: 'graphics card', version: null, mend: null };
  const nvidia = existsSync('/proc/driver/nvidia/version');
  if (tensorflow.found?.gpu) return { ...base, state: 'ready', detail: 'TensorFlow computes on it' };
  if (webgpu.found?.adapter && !webgpu.found.software)
    return { ...base, state: 'ready', detail: `${webgpu.found.adapter}, through WebGPU` };
  if (nvidia)
    return {
      ...base,
      state: 'optional',
      detail:
        'an NVIDIA card is there; TensorFlow as set up here computes on the processor, WebGPU needs its Vulkan driver',
    };
  return { ...base, state: 'optional', detail: 'none that can compute was found; the processor is used' };
}

function sharpComponent({ found, failure }: Probe): Component {
  const base = { id: 'sharp', title: 'image decoder (sharp)' };
  if (!found) return { ...base, state: 'broken', version: null, detail: failure, mend: 'npm ci' };
  return {
    ...base,
    state: 'ready',
    version: found.version,
    detail: `reads ${found.formats?.join(', ')}; libvips ${found.vips}`,
    mend: null,
  };
}

async function sqliteComponent(): Promise<Component> {
  const base = { id: 'sqlite', title: 'database (SQLite)' };
  try {
    const { DatabaseSync } = await import('node:sqlite');
    const database = new DatabaseSync(':memory:');
    const { version } = database.prepare('select sqlite_version() as version').get() as { version: string };
    database.close();
    return { ...base, state: 'ready', version, detail: 'part of Node', mend: null };
  } catch (error) {
    return { ...base, state: 'broken', version: null, detail: sentenceOf(error), mend: 'npm ci' };
  }
}

/** Below this, a download or a scan of a large folder may not fit. */
const scarceBytes = 2 * 2 ** 30;

function spaceComponent(id: string, title: string, folder: string): Component {
  const used = existsSync(folder) ? `${mebi(folderBytes(folder))} MiB used` : 'not made yet';
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    const { bavail, bsize } = statfsSync(existing);
    const free = bavail * bsize;
    const detail = `${folder}: ${used}, ${(free / 2 ** 30).toFixed(1)} GiB free`;
    if (free < scarceBytes) return { id, title, state: 'broken', version: null, detail, mend: 'free some disk space' };
    return { id, title, state: 'ready', version: null, detail, mend: null };
  } catch (error) {
    return { id, title, state: 'broken', version: null, detail: `${folder}: ${sentenceOf(error)}`, mend: null };
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
