/**
 * Loads Winnow's own kernels (the C++ files of this folder) into the TensorFlow that is running on the processor, and says which there
 * are. Where none were compiled, or `WINNOW_KERNELS=off`, every op goes through TensorFlow's own. `WINNOW_KERNELS` may also name a file.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

interface Addon {
  ops: string[];
  threads: number;
}

let ops = new Set<string>();

/** After TensorFlow has been loaded: the kernels use its library. Returns a sentence where they should be here and do not load. */
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

export const hasKernel = (op: string): boolean => ops.has(op);

/** The file for the widest instructions that the processor has. `prefix`: which of those that set-up compiles. */
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
