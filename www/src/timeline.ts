// This file is the timeline: how long each stage of the last build took, and
// what it made, as a table whose bars only repeat what its numbers say. All six
// are always there, because a build that ends early is worth seeing too.

import type { Stage, StageEvent } from 'nexxo';
import type { Builder } from './builder.ts';
import { byId, bytes, element, milliseconds } from './dom.ts';

const stageNames: Stage[] = ['init', 'graph', 'plan', 'check', 'execute', 'emit'];

const purposes: Record<Stage, string> = {
  init: 'read the options',
  graph: 'resolve, load and parse the modules',
  plan: 'compare with the build before',
  check: 'look for problems',
  execute: 'link and generate the chunks',
  emit: 'name and order the files',
};

export function createTimeline(builder: Builder): void {
  const panel = byId('panel-timeline');
  panel.replaceChildren(element('p', { class: 'empty' }, 'Nothing was built yet.'));
  builder.timeline.watch(({ stages, reason, running }) => {
    if (stages.length === 0) return;
    panel.replaceChildren(chart(stages, reason ?? '', running));
  });
}

function chart(stages: StageEvent[], reason: string, running: boolean): HTMLElement {
  const total = stages.reduce((sum, { durationMs }) => sum + durationMs, 0);
  let begun = 0;
  const rows = stages.map((event) => {
    const { stage, durationMs, counts } = event;
    const bar = element('span', { class: 'bar', 'data-stage': stage });
    bar.style.insetInlineStart = `${total === 0 ? 0 : (begun / total) * 100}%`;
    bar.style.inlineSize = `${total === 0 ? 0 : (durationMs / total) * 100}%`;
    begun += durationMs;
    return element(
      'tr',
      {},
      element('th', { scope: 'row', title: purposes[stage] }, stage),
      element('td', { class: 'number' }, milliseconds(durationMs)),
      element('td', { class: 'track', 'aria-hidden': 'true' }, element('span', { class: 'track-line' }, bar)),
      element('td', { class: 'counts' }, countsOf(counts)),
    );
  });
  for (const stage of stageNames.slice(rows.length)) {
    rows.push(
      element(
        'tr',
        { class: 'skipped' },
        element('th', { scope: 'row', title: purposes[stage] }, stage),
        element('td', { class: 'number' }, '–'),
        element('td', { class: 'track', 'aria-hidden': 'true' }, element('span', { class: 'track-line' })),
        element('td', { class: 'counts' }, running ? '' : 'not needed or not reached'),
      ),
    );
  }
  const foot = element(
    'tr',
    {},
    element('th', { scope: 'row' }, 'total'),
    element('td', { class: 'number' }, milliseconds(total)),
    element('td', { class: 'counts', colspan: 2 }, reason),
  );
  const head = element(
    'tr',
    {},
    element('th', { scope: 'col' }, 'Stage'),
    element('th', { scope: 'col', class: 'number' }, 'Time'),
    element('td', { 'aria-hidden': 'true' }),
    element('th', { scope: 'col' }, 'What it made'),
  );
  const caption = element('caption', { class: 'visually-hidden' }, 'Stages of the last build');
  return element('table', { class: 'timeline' }, caption, element('thead', {}, head), element('tbody', {}, ...rows), element('tfoot', {}, foot));
}

/** `14 modules, 230 kB`: names of counts are plural words, in camel case where there are several; bytes are a size. */
function countsOf(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, number]) => {
      if (name === 'bytes') return bytes(number);
      const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
      const singular = number === 1 ? words.replace(/ies$/, 'y').replace(/s$/, '') : words;
      return `${number.toLocaleString('en')} ${singular}`;
    })
    .join(', ');
}
