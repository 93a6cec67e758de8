/**
 * `winnow doctor`: reports the state of each component and the command that repairs it. It changes nothing. Native libraries
 * are actually loaded, each in a separate child process, since a library that is installed may still not run.
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
  const tensorflow = await probe('tensorflow'); // run alone, since it measures speed
  const [found, compute, webgpu, sharp, native] = await Promise.all([
    Promise.all(pieces.filter(({ id }) => !(isShipped() && forTests.includes(id))).map(examinePiece)),
    probe('compute'),
    probe('webgpu'),
    probe('sharp'),
    probe('native'),
  ]);
  return [
    ...found.map((piece) => {
      if (piece.state !== 'ready') return piece;
      if (piece.id === 'native') return withNativeProbe(piece, native);
      return piece.id === 'tensorflow' ? withProbe(piece, tensorflow) : piece;
    }),
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
    // The command line and `serve` work without these.
    const state = found.state === 'missing' && forTests.includes(id) ? 'optional' : found.state;
    return { id, title, ...found, state, mend: state === 'ready' ? null : mend };
  } catch (error) {
    return { id, title, state: 'broken', version: null, detail: messageOf(error), mend };
  }
}

/** The JSON that `probe.ts` prints. */
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
  return { found: null, failure: causeOf(failure ?? 'it gave no answer') };
}

/** The line of a stack trace that has the error message. */
function causeOf(failure: string): string {
  const lines = failure.split('\n').map((line) => line.trim());
  return lines.find((line) => /^\w*Error: /.test(line))?.replace(/^\w*Error: /, '') ?? lines[0];
}

function withProbe(piece: Component, { found, failure }: Probe): Component {
  if (!found)
    return {
      ...piece,
      state: 'broken',
      detail: `installed, but it does not run: ${failure}`,
      mend: 'npm ci, then npm start -- setup tensorflow',
    };
  const device = found.gpu ? 'on the graphics card' : `${found.threads} threads`;
  return { ...piece, version: found.version, detail: `${device}, ${found.gflops} GFLOP/s (1024² matrix product)` };
}

function withNativeProbe(piece: Component, { found, failure }: Probe): Component {
  if (process.env.WINNOW_NATIVE === 'off')
    return { ...piece, state: 'optional', detail: 'off (WINNOW_NATIVE=off): sharp reads all images', mend: null };
  if (found) return { ...piece, detail: 'reads plain JPEG, PNG and WebP files; sharp reads all others' };
  return { ...piece, state: 'optional', detail: `it does not load, and sharp reads all images: ${failure}` };
}

/** The compute backend for training, and how to choose another. */
function backendComponent({ found, failure }: Probe): Component {
  const base = { id: 'backend', title: 'compute backend', version: null };
  const { choice, fixed } = chosenBackend();
  const other = `WINNOW_BACKEND=${backendChoices.join('|')}, --backend of rank, map and serve, or the status bar of the window`;
  if (!found)
    return {
      ...base,
      state: 'broken',
      detail: failure,
      mend: choice === 'auto' ? 'npm start -- setup tensorflow' : `choose another with ${other}`,
    };
  const { backend, version, device, threads, warning } = found;
  const chosen = fixed ? 'set by WINNOW_BACKEND' : choice === 'auto' ? 'selected automatically' : 'selected by you';
  const parallel = backend === 'webgpu' ? '' : `, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return {
    ...base,
    state: 'ready',
    detail: `${backendTitles[backend as keyof typeof backendTitles]}, ${chosen}: ${version} on ${device}${parallel}.${warning ? ` ${warning}` : ''} To change it: ${other}`,
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
    detail: `${found.adapter}${found.software ? ', a software driver: slower than native TensorFlow' : ''}`,
    mend: null,
  };
}

function gpuComponent(tensorflow: Probe, webgpu: Probe): Component {
  const base = { id: 'gpu', title: 'graphics card', version: null, mend: null };
  const nvidia = existsSync('/proc/driver/nvidia/version');
  if (tensorflow.found?.gpu) return { ...base, state: 'ready', detail: 'used by TensorFlow' };
  if (webgpu.found?.adapter && !webgpu.found.software)
    return { ...base, state: 'ready', detail: `${webgpu.found.adapter}, through WebGPU` };
  if (nvidia)
    return {
      ...base,
      state: 'optional',
      detail:
        'an NVIDIA card is installed; this TensorFlow build uses the CPU, and WebGPU needs the Vulkan driver of the card',
    };
  return { ...base, state: 'optional', detail: 'no usable graphics card was found; the CPU is used' };
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
    return { ...base, state: 'broken', version: null, detail: messageOf(error), mend: 'npm ci' };
  }
}

/** With less free space, a download or the scan of a large folder may fail. */
const scarceBytes = 2 * 2 ** 30;

function spaceComponent(id: string, title: string, folder: string): Component {
  const used = existsSync(folder) ? `${mebi(folderBytes(folder))} MiB used` : 'not created yet';
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    const { bavail, bsize } = statfsSync(existing);
    const free = bavail * bsize;
    const detail = `${folder}: ${used}, ${(free / 2 ** 30).toFixed(1)} GiB free`;
    if (free < scarceBytes) return { id, title, state: 'broken', version: null, detail, mend: 'free some disk space' };
    return { id, title, state: 'ready', version: null, detail, mend: null };
  } catch (error) {
    return { id, title, state: 'broken', version: null, detail: `${folder}: ${messageOf(error)}`, mend: null };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
