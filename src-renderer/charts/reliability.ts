/** Reliability diagram: accuracy against confidence. A calibrated classifier lies on the diagonal. */
import type { ChartConfiguration } from 'chart.js';
import type { Calibration } from '../../src-main/contract/classifier.ts';
import { colour } from './chart.ts';

export function reliabilityConfig({ bins, scaledBins }: Calibration): ChartConfiguration<'line'> {
  const points = (label: string, token: string, list: Calibration['bins']) => ({
    label,
    data: list.map(({ confidence, accuracy }) => ({ x: confidence, y: accuracy })),
    borderColor: colour(token),
    backgroundColor: colour(token),
    borderWidth: 1.5,
    pointRadius: 3,
    tension: 0,
  });
  const unit = {
    type: 'linear' as const,
    min: 0,
    max: 1,
    grid: { color: colour('line') },
    border: { display: false },
    ticks: { color: colour('faint'), stepSize: 0.2 },
  };
  return {
    type: 'line',
    data: {
      datasets: [
        points('calibrated', 'accent', scaledBins),
        { ...points('before temperature scaling', 'bar', bins), borderDash: [3, 3], pointRadius: 2 },
        {
          label: 'perfect calibration',
          data: [
            { x: 0, y: 0 },
            { x: 1, y: 1 },
          ],
          borderColor: colour('line-strong'),
          borderWidth: 1,
          pointRadius: 0,
          backgroundColor: colour('line-strong'),
        },
      ],
    },
    options: {
      parsing: false,
      scales: {
        x: { ...unit, title: { display: true, text: 'confidence', color: colour('faint'), font: { size: 11 } } },
        y: { ...unit, title: { display: true, text: 'accuracy', color: colour('faint'), font: { size: 11 } } },
      },
    },
  };
}
