/** Training and validation loss over epochs, on a logarithmic scale: the fall is steep at first. */
import type { Epoch } from '../../src-main/contract/types.ts';
import { colour } from './chart.ts';
import { overEpochs, valueAxis } from './over-epochs.ts';

export const lossConfig = (history: readonly Epoch[], epochs: number | null) =>
  overEpochs(
    history,
    epochs,
    [
      { label: 'train', token: 'accent', tension: 0.2, value: ({ loss }) => loss },
      { label: 'validation', token: 'unsure', tension: 0.2, value: ({ valLoss }) => valLoss },
    ],
    {
      ...valueAxis(),
      type: 'logarithmic',
      ticks: {
        color: colour('faint'),
        maxTicksLimit: 12,
        callback: (value: number | string) =>
          [1, 2, 5].includes(Number(Number(value).toExponential(3).split('e')[0]))
            ? Number(Number(value).toPrecision(1))
            : null,
      },
    },
    5,
  );
