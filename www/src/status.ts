// This file says in words what the build does, and tells screen readers about it
// only when something is new and the typing has stopped.

import type { Builder, BuildState } from './builder.ts';
import { byId, bytes, count, element, milliseconds } from './dom.ts';

const quietMs = 900;

export function createStatus(builder: Builder): void {
  const line = byId('status');
  const region = byId('announcement');
  let announced: string | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  builder.state.watch((state) => {
    const details = detailsOf(state);
    line.replaceChildren(words(state), ...(details === '' ? [] : [element('span', { class: 'details' }, details)]));
    line.dataset['phase'] = state.phase;
    line.dataset['ok'] = String(state.ok);
    clearTimeout(timer);
    if (state.phase === 'building' || state.phase === 'initializing') return;
    timer = setTimeout(() => {
      const news = announcement(state);
      if (news !== announced) region.textContent = news;
      announced = news;
    }, quietMs);
  });
}

function words({ phase, durationMs, diagnostics, ok, restarted, replaced }: BuildState): string {
  switch (phase) {
    case 'initializing':
      return 'Starting the engine…';
    case 'building':
      return restarted ? 'Engine restarted. Building…' : 'Building…';
    case 'stopped':
      return 'The engine could not start';
    case 'done': {
      const problems = diagnostics.length === 0 ? '' : `, ${count(diagnostics.length, 'problem')}`;
      if (replaced !== undefined && ok) return `${count(replaced.modules, 'module')} replaced in ${milliseconds(durationMs)}, at ${replaced.boundaries.join(', ')}${problems}`;
      return `${restarted ? 'Engine restarted. ' : ''}${ok ? 'Built in' : 'Failed after'} ${milliseconds(durationMs)}${problems}`;
    }
  }
}

/** What the last build made, where it made something. */
function detailsOf({ phase, ok, lastGood }: BuildState): string {
  if (phase !== 'done' || !ok || lastGood === undefined) return '';
  const { stages, outputFiles } = lastGood.result;
  const modules = stages.find(({ stage }) => stage === 'graph')?.counts['modules'];
  const size = outputFiles.filter(({ type }) => type !== 'sourcemap').reduce((sum, file) => sum + file.contents.length, 0);
  return `${modules === undefined ? '' : `${count(modules, 'module')}, `}${bytes(size)}`;
}

/** Without the duration, which is new every time. */
function announcement({ phase, diagnostics, restarted }: BuildState): string {
  if (phase === 'stopped') return 'The engine could not start.';
  const built = diagnostics.length === 0 ? 'Built without problems.' : `Build has ${count(diagnostics.length, 'problem')}.`;
  return restarted ? `The engine was restarted. ${built}` : built;
}
