/**
 * Winnow's own kernels: the C++ files of this folder, written against TensorFlow's C interface, for TensorFlow on the CPU. Set-up compiles them for AVX-512 and
 * AVX2; this module loads them. Without them (another platform, a GPU, or `WINNOW_KERNELS=off`) the ops use TensorFlow's kernels. `WINNOW_KERNELS` can also be
 * the path of a compiled file. All kernels add in fixed pieces and in a fixed order: results are bit-identical whatever the thread scheduling.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Addon {
  ops: string[];
  threads: number;
}

let ops = new Set<string>();

/** Loads the kernels. TensorFlow must be loaded before, since the kernels link to it. Returns a message if compiled kernels cannot be loaded. */
export function loadKernels(): string | undefined {
  const file = process.env.WINNOW_KERNELS || compiledFile('');
  if (!file || file === 'off') return undefined;
  try {
    ops = new Set((createRequire(import.meta.url)(file) as Addon).ops);
    return undefined;
  } catch (error) {
    return `Winnow's own kernels do not load, and training is slower: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** True if the loaded file has a kernel for this op. */
export const hasKernel = (op: string): boolean => ops.has(op);

/** The compiled file for the widest vector instructions of this processor. `prefix`: '' for the kernels, 'augment-' for the loops of augmentation. */
export function compiledFile(prefix: '' | 'augment-'): string | undefined {
  const has = instructions();
  const level = ['avx512f', 'avx512bw', 'avx512dq', 'avx512vl'].every((i) => has.has(i))
    ? 'avx512'
    : has.has('avx2') && has.has('fma')
      ? 'avx2'
      : undefined;
  const file = level && fileURLToPath(new URL(`../../../dist/kernels/${prefix}${level}.node`, import.meta.url));
  return file && fs.existsSync(file) ? file : undefined;
}

function instructions(): Set<string> {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'))?.[1].trim().split(/\s+/));
  } catch {
    return new Set();
  }
}
