import './base.css';
import styles from './tides.module.scss';
import wave from './wave.svg?no-inline';
import { tides } from './tides';
import type { Tide } from './tides';

const app = document.querySelector<HTMLElement>('#app')!;

function row({ time, height, isHigh }: Tide): string {
  return `<li class="${isHigh ? styles.high : ''}"><time>${time}</time><span>${isHigh ? 'high' : 'low'} water</span><span>${height.toFixed(1)} m</span></li>`;
}

app.innerHTML = `
  <h1>Tide table</h1>
  <div class="${styles.wave}"></div>
  <ul class="${styles.table}" style="list-style: none; padding-inline: 0">${tides().map(row).join('')}</ul>
  <p>Seen <output>0</output> times <button type="button">Look again</button> <button type="button">Chart</button></p>
  <p class="next">The next spring tide is being looked for…</p>
  <img src="${wave}" alt="" width="120">`;

// Looked for in a worker, which has the table of tides from the same chunk as this page.
const worker = new Worker(new URL('./spring.ts', import.meta.url), { type: 'module' });
worker.addEventListener('message', ({ data }: MessageEvent<string>) => {
  app.querySelector('.next')!.textContent = data;
});

const [again, chart] = app.querySelectorAll('button');
const output = app.querySelector('output')!;
again!.addEventListener('click', () => (output.value = String(Number(output.value) + 1)));
chart!.addEventListener('click', async () => {
  const { draw } = await import('./chart');
  app.append(draw(tides()));
});
