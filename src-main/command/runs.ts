/** `runs FOLDER`: the runs of the folder, newest first, with their results. */
import type { Command } from 'commander';
import { folderCommand, inFolder, type FolderOptions } from './folder-command.ts';
import { writeJson } from './output.ts';

export function addRunsCommand(program: Command) {
  folderCommand(program, 'train', 'runs', 'list rankings and trainings with settings, curves and results', [
    'photos',
    'photos --json runs.json',
  ]).action((folder: string, options: FolderOptions) =>
    inFolder(folder, options, async (door) => {
      const runs = await door.calls.runs.list.query();
      writeJson(options, { schema: 'winnow/runs@1', folder: door.folder, runs });
      if (options.quiet || options.json === '-') return;
      if (!runs.length) process.stderr.write('No model has been trained on this folder yet.\n');
      for (const { id, kind, state, createdAt, trained, seed, classification, rangeTest } of runs) {
        const accuracy = classification?.evaluation?.accuracy.value;
        const what =
          accuracy !== undefined
            ? `accuracy ${accuracy.toFixed(3)}`
            : rangeTest?.suggested
              ? `rate ${rangeTest.suggested.toPrecision(2)}`
              : '';
        process.stdout.write(
          `${id.padEnd(24)}  ${kind.padEnd(10)}  ${state.padEnd(11)}  ${new Date(createdAt).toISOString().slice(0, 16).replace('T', ' ')}  ${String(trained).padStart(7)} images  seed ${seed}  ${what}\n`,
        );
      }
    }),
  );
}
