/** The curves of several runs in one chart: smoothed on top, the values as they were behind them. */
import type { ChartConfiguration, ChartDataset } from 'chart.js';
import { score } from '../lib/format.ts';
import { joined, type Point } from '../lib/smoothing.ts';
import { colour } from './chart.ts';
import { valueAxis } from './over-epochs.ts';

export interface OverlaidCurve {
  id: string;
  label: string;
  colour: string;
  /** Runs beyond the number of colours. */
  isDashed: boolean;
  parts: readonly Point[][];
}

export interface OverlaidLook {
  title: string;
  xTitle: string;
  /** 0 to below 1; see `smoothed`. */
  smoothing: number;
  isLog: boolean;
  /** The visible part across; null: all. */
  zoom: { min: number; max: number } | null;
  /** The curve that is in front; the others are pale. */
  hovered: string | null;
}

export function overlaidCurves(curves: readonly OverlaidCurve[], look: OverlaidLook): ChartConfiguration<'line'> {
  const { title, xTitle, smoothing, isLog, zoom, hovered } = look;
  const isPale = (id: string) => hovered !== null && hovered !== id;
  const line = (curve: OverlaidCurve, weight: number, isBehind: boolean): ChartDataset<'line', Point[]> => {
    const data = joined(curve.parts, weight);
    const alpha = isBehind ? '38' : isPale(curve.id) ? '50' : 'ff';
    return {
      label: isBehind ? '' : curve.label,
      data,
      borderColor: curve.colour + alpha,
      backgroundColor: curve.colour + alpha,
      borderWidth: isBehind ? 1 : hovered === curve.id ? 2.8 : 1.8,
      borderDash: curve.isDashed ? [5, 3] : [],
      pointRadius: data.length < 2 ? 3 : 0,
      pointHitRadius: isBehind ? 0 : 8,
      tension: 0,
      spanGaps: false,
      order: isBehind ? 2 : hovered === curve.id ? 0 : 1,
    };
  };
  const visible = curves
    .flatMap(({ parts }) => parts.flat())
    .filter(({ x }) => !zoom || (x >= zoom.min && x <= zoom.max));
  const heights = visible.map(({ y }) => y).filter((y) => Number.isFinite(y) && (!isLog || y > 0));
  const [low, high] = heights.reduce(([a, b], y) => [Math.min(a, y), Math.max(b, y)], [Infinity, -Infinity]);
  const margin = (high - low) * 0.04 || Math.abs(high) * 0.05 || 0.01;
  const across = curves.flatMap(({ parts }) => parts.flat().map(({ x }) => x));
  return {
    type: 'line',
    data: {
      datasets: [
        ...curves.map((curve) => line(curve, smoothing, false)),
        ...(smoothing > 0 ? curves.map((curve) => line(curve, 0, true)) : []),
      ],
    },
    options: {
      parsing: false,
      interaction: { mode: 'nearest', axis: 'x', intersect: false },
      scales: {
        x: {
          type: 'linear',
          min: zoom?.min ?? across.reduce((a, b) => Math.min(a, b), Infinity),
          max: zoom?.max ?? across.reduce((a, b) => Math.max(a, b), -Infinity),
          grid: { display: false },
          border: { color: colour('line') },
          title: { display: true, text: xTitle, color: colour('faint'), font: { size: 11 } },
          ticks: { color: colour('faint'), maxTicksLimit: 10, includeBounds: false },
        },
        y: {
          ...valueAxis(title),
          type: isLog ? 'logarithmic' : 'linear',
          ...(heights.length &&
            (isLog ? { min: low / 1.05, max: high * 1.05 } : { min: low - margin, max: high + margin })),
          ticks: {
            color: colour('faint'),
            maxTicksLimit: 6,
            includeBounds: false,
            callback: (value) => score(Number(value)),
          },
        },
      },
      plugins: {
        tooltip: {
          filter: ({ dataset }) => dataset.label !== '',
          itemSort: (a, b) => (b.parsed.y ?? 0) - (a.parsed.y ?? 0),
          callbacks: {
            title: ([item]) => (item ? `${xTitle} ${score(item.parsed.x ?? 0)}` : ''),
            label: ({ dataset, parsed }) => `${dataset.label}: ${score(parsed.y ?? NaN)}`,
          },
        },
      },
    },
  };
}
