/** A Chart.js chart on a canvas that follows its configuration and the theme of the page. Call it while a component is set up. */
import type { ChartConfiguration } from 'chart.js';
import { untrack } from 'svelte';
import { settings } from '../state/settings.svelte.ts';
import { Chart } from './chart.ts';

/** Returns the chart; null before the component is mounted. */
export function followChart(canvas: () => HTMLCanvasElement, config: () => ChartConfiguration): () => Chart | null {
  let chart: Chart | null = null;
  $effect(() => {
    chart = new Chart(canvas(), untrack(config));
    return () => chart?.destroy();
  });
  $effect(() => {
    void settings.shownTheme;
    const { data, options } = config();
    if (!chart) return;
    chart.data = data;
    chart.options = options ?? {};
    chart.update('none');
  });
  return () => chart;
}
