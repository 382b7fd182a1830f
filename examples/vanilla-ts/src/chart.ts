import './chart.css';
import type { Tide } from './tides';

/** A bar for each tide. */
export function draw(tides: Tide[]): HTMLElement {
  const chart = document.createElement('div');
  chart.className = 'chart';
  for (const { height } of tides) {
    const bar = document.createElement('div');
    bar.style.height = `${height * 20}%`;
    chart.append(bar);
  }
  return chart;
}
