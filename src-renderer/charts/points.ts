/**
 * Parts that charts of trials share: a cloud of points of which one can be picked, lines with gaps, and the axis of a parameter. Such data is not in the order of x, so these charts
 * are without `parsing: false`: with it, Chart.js would take it for sorted, and leave points out.
 */
import type { ActiveElement, ChartEvent } from 'chart.js';
import type { Domain } from '../../src-main/contract/search.ts';
import { valueText } from '../../src-main/contract/space.ts';
import { colour } from './chart.ts';
import { valueAxis } from './over-epochs.ts';

/** `number`: of the trial; `text`: its line in the tooltip. */
export interface Spot {
  x: number;
  y: number;
  number: number;
  text: string;
}

export const spotsOf = (label: string, token: string, data: Spot[], look: object = {}) => ({
  label,
  data,
  showLine: false,
  borderColor: colour(token),
  backgroundColor: colour(token),
  pointRadius: 3,
  pointHoverRadius: 5,
  pointHitRadius: 6,
  clip: 8,
  ...look,
});

/** A line that no pointer meets; NaN is a gap. */
export const pathOf = (label: string, token: string, data: { x: number; y: number }[], look: object = {}) => ({
  label,
  data,
  borderColor: colour(token),
  backgroundColor: colour(token),
  borderWidth: 1.6,
  pointRadius: 0,
  pointHitRadius: 0,
  pointHoverRadius: 0,
  spanGaps: false,
  ...look,
});

/** Reads the trial under the pointer. */
const spotAt = (chart: { data: { datasets: { data: unknown[] }[] } }, { datasetIndex, index }: ActiveElement) =>
  chart.data.datasets[datasetIndex].data[index] as Spot;

/** Numbers up to 0 are values that a search started from. */
const nameOf = ({ number }: Spot): string => (number > 0 ? `trial ${number}` : 'an earlier search or run');

/** Tooltips with the text of a spot, and a click that picks its trial. */
export const picking = (pick: (number: number) => void) => ({
  interaction: { mode: 'nearest' as const, intersect: true },
  onClick: (_: ChartEvent, [first]: ActiveElement[], chart: never) => {
    const number = first && spotAt(chart, first).number;
    if (number > 0) pick(number);
  },
  onHover: ({ native }: ChartEvent, elements: ActiveElement[]) => {
    const target = native?.target as HTMLElement | null;
    if (target) target.style.cursor = elements.length ? 'pointer' : '';
  },
  plugins: {
    tooltip: {
      displayColors: false,
      filter: ({ raw }: { raw: unknown }) => Boolean((raw as Partial<Spot>).text),
      callbacks: {
        title: ([item]: { raw: unknown }[]) => (item ? nameOf(item.raw as Spot) : ''),
        label: ({ raw }: { raw: unknown }) => (raw as Spot).text,
      },
    },
  },
});

const isPowerOfTen = (value: number) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6;

/** The horizontal axis of a parameter: categories at 0, 1, 2…, numbers in their own units. `showsTitle` false: another chart below has it. */
export function parameterAxis(domain: Domain, title: string, showsTitle = true) {
  const look = {
    grid: { display: false },
    border: { color: colour('line') },
    ...(showsTitle && { title: { display: true, text: title, color: colour('faint'), font: { size: 11 } } }),
  };
  const ticks = { color: colour('faint'), maxRotation: 0, autoSkipPadding: 12, display: showsTitle };
  if (domain.type === 'categorical') {
    const { choices } = domain;
    return {
      ...look,
      type: 'linear' as const,
      min: -0.5,
      max: choices.length - 0.5,
      afterBuildTicks: (axis: { ticks: { value: number }[] }) =>
        void (axis.ticks = choices.map((_, value) => ({ value }))),
      ticks: { ...ticks, callback: (at: number | string) => valueText(choices[Number(at)]) },
    };
  }
  const spans = domain.log ? Math.log10(domain.high / domain.low) : 0;
  return {
    ...look,
    type: domain.log ? ('logarithmic' as const) : ('linear' as const),
    min: domain.low,
    max: domain.high,
    ticks: {
      ...ticks,
      maxTicksLimit: 7,
      ...(domain.type === 'int' && { precision: 0 }),
      callback: (value: number | string) =>
        spans >= 2 && !isPowerOfTen(Number(value)) ? null : valueText(Number(value)),
    },
  };
}

/** A vertical axis of a fixed width, so that charts below each other are aligned. */
export const alignedAxis = (title: string, widthPx = 58) => ({
  ...valueAxis(title),
  type: 'linear' as const,
  afterFit: (scale: { width: number }) => void (scale.width = widthPx),
});
