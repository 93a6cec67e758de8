/** Calls that concern no open folder: the machine, the methods and models, and opening folders. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { scorers } from '../../compute/anomaly/index.ts';
import { chosenBackend, storeBackend } from '../../compute/backend-choice.ts';
import { ComputeError, type Compute } from '../../compute/child.ts';
import { classifiers } from '../../compute/classify/index.ts';
import { WinnowError } from '../../contract/errors.ts';
import type { BackendState } from '../../contract/machine.ts';
import type { EngineCalls } from '../../contract/procedures.ts';
import type { Job, Method } from '../../contract/types.ts';
import { examine } from '../../doctor/doctor.ts';
import { formats } from '../../export/index.ts';
import { root, version } from '../../setup/repository.mjs';
import { checkRank, checkTrain } from '../../workspace/check-request.ts';
import { pathOnDisk } from '../../file/same-path.ts';
import { existingWorkspace } from '../../workspace/folders.ts';
import { readRankings } from '../../workspace/saved-detectors.ts';
import { toWinnowError } from '../../workspace/runs.ts';

/** The parts of the engine that these calls use. */
export interface EngineContext extends Pick<EngineCalls, 'open' | 'backups' | 'restore'> {
  readonly compute: Compute;
  /** A job that is running in any open folder. */
  runningJob(): Job | undefined;
}

export function engineCalls(engine: EngineContext) {
  const { compute } = engine;

  async function backend(): Promise<BackendState> {
    const running = await compute.call('backend', undefined).catch((error: ComputeError) => error);
    const isUp = !(running instanceof ComputeError);
    return { ...chosenBackend(), running: isUp ? running : null, problem: isUp ? null : running.message };
  }

  return {
    info() {
      const sampleFolder = join(root, 'assets', 'sample', 'cookies');
      return { version, platform: process.platform, sampleFolder: existsSync(sampleFolder) ? sampleFolder : null };
    },

    backend,

    async chooseBackend({ choice }) {
      const { choice: before, fixed } = chosenBackend();
      if (fixed)
        throw new WinnowError(
          'bad-request',
          `Winnow was started with the backend ‘${before}’ (WINNOW_BACKEND or --backend). Start it without this setting to choose here.`,
        );
      const job = engine.runningJob();
      if (job)
        throw new WinnowError('job-running', `${job.title} is still running. Cancel it or wait until it is finished.`);
      storeBackend(choice);
      await compute.stop(); // the next call starts the process with the new choice
      const state = await backend();
      if (state.running) return state;
      storeBackend(before);
      await compute.stop();
      throw new WinnowError('compute-failed', state.problem ?? 'The compute process does not start.');
    },

    doctor: () => examine(),

    async estimate({ method, parameters }) {
      const checked = checkRank({ method, parameters });
      return compute.call('estimate', { method, params: checked.parameters }).catch((error: unknown) => {
        throw toWinnowError(error);
      });
    },

    methods: () =>
      scorers.map((record) => ({
        ...methodOf(record),
        short: record.short,
        inputs: record.inputs,
        gives: record.gives,
      })),

    models: () =>
      classifiers.map((record) => ({
        ...methodOf(record),
        modes: Object.fromEntries(Object.entries(record.modes).map(([mode, schema]) => [mode, jsonSchemaOf(schema)])),
      })),

    async summary({ model, mode, parameters, classes }) {
      const checked = checkTrain({ model, mode, parameters });
      return compute.call('summarise', { model, mode, params: checked.parameters, classes }).catch((error: unknown) => {
        throw toWinnowError(error);
      });
    },

    exportFormats: () => formats.map(({ id, title, summary }) => ({ id, title, summary })),

    async folders({ path }) {
      const at = await pathOnDisk(resolve(path?.replace(/^~(?=$|[\\/])/, homedir()) ?? homedir()));
      try {
        const entries = await readdir(at, { withFileTypes: true });
        const folders = entries
          .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
          .map(({ name }) => ({ name, path: join(at, name) }));
        return {
          path: at,
          parent: dirname(at) === at ? null : dirname(at),
          folders: folders.sort((a, b) => a.name.localeCompare(b.name)),
        };
      } catch (error) {
        throw new WinnowError('no-folder', `The folder ${at} cannot be listed: ${(error as Error).message}`);
      }
    },

    async rankings(request) {
      const saved = readRankings(await existingWorkspace(request, 'it has no rankings.'));
      return saved.map(({ run: { id, method, createdAt, trained, trainOn, trainOnBy, origin }, threshold }) => ({
        ...{ id, method, createdAt, trained, trainOn, trainOnBy, origin },
        threshold,
      }));
    },

    open: (request) => engine.open(request),
    backups: (request) => engine.backups(request),
    restore: (request) => engine.restore(request),
  } satisfies EngineCalls;
}

const jsonSchemaOf = (schema: z.ZodType): Record<string, unknown> => z.toJSONSchema(schema, { io: 'input' });
const methodOf = ({ id, title, summary, schema }: Omit<Method, 'schema'> & { schema: z.ZodType }): Method => ({
  id,
  title,
  summary,
  schema: jsonSchemaOf(schema),
});
