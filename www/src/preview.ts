// This file is the preview panel: the project running, as the package's preview
// shows it to any page that embeds it.

import { createPreview } from 'nexxo/preview';
import type { Preview, PreviewEvents } from 'nexxo/preview';
import type { Builder, BuildState, GoodBuild } from './builder.ts';
import type { Console } from './console.ts';
import { button, byId, element, icon } from './dom.ts';
import type { Workspace } from './workspace.ts';

/** A place that is chosen in the app's overlay goes to `open`. */
export function createPreviewPanel(workspace: Workspace, builder: Builder, output: Console, open: (place: PreviewEvents['open']) => void): void {
  const host = byId('preview-host');
  const note = byId('preview-note');
  const stopped = element('p', { class: 'empty' }, 'The preview is stopped.');
  const waiting = element('p', { class: 'empty waiting' });
  host.replaceChildren(waiting);
  let last: GoodBuild | undefined;
  let halted = false;

  const origin = previewOrigin();
  const preview: Preview = createPreview({
    host,
    source: builder,
    files: workspace,
    inline: new URL('preview/__nexxo/inline.html', document.baseURI),
    title: 'Preview of the project',
    ...(origin === undefined ? {} : { origin, name: nameOfThisTab() }),
  });
  const stop = button({ class: 'tool', 'aria-label': 'Stop the preview', title: 'Stop' }, () => preview.stop(), icon('stop'));
  const again = button({ class: 'tool', 'aria-label': 'Run the preview again', title: 'Run again' }, rerun, icon('replay'));
  const tab = button({ class: 'tool', 'aria-label': 'Open the preview in a new tab', title: 'Open in a new tab' }, () => void preview.openInNewTab(), icon('external'));
  byId('preview-tools').replaceChildren(stop, again, tab);

  preview.on('ready', ({ mode, reason }) => {
    tab.hidden = mode === 'inline';
    host.dataset['mode'] = mode;
    if (reason !== undefined) output.print('warn', `${reason.message} ${reason.hint}`);
  });
  preview.on('load', () => output.clear());
  preview.on('ran', () => {
    waiting.remove();
    host.dataset['ran'] = String(Number(host.dataset['ran'] ?? 0) + 1);
  });
  preview.on('print', ({ lines }) => {
    for (const { level, text } of lines) output.print(level, text);
  });
  preview.on('error', ({ diagnostic: { code, message, notes } }) => {
    const prefix = code === 'UNHANDLED_REJECTION' ? 'Unhandled rejection: ' : '';
    output.print('error', [`${prefix}${message}`, ...notes].join('\n    '));
  });
  preview.on('open', open);
  preview.on('hung', () => {
    output.print('warn', 'The app did not answer for seconds, as in an endless loop. It was started anew.');
    preview.restart();
  });
  preview.on('stopped', ({ reason }) => {
    halted = true;
    host.replaceChildren(stopped);
    if (reason !== undefined) output.print('error', `${reason.message} ${reason.hint}`);
  });

  builder.state.watch((state) => {
    const { lastGood, ok, phase } = state;
    waiting.textContent = whyNothing(state);
    note.hidden = phase === 'initializing' || ok || lastGood === undefined;
    if (lastGood === undefined || lastGood === last) return;
    // An app that is kept up to date runs on, and one that asked for its build has it.
    const runs = lastGood.wasAskedFor || (lastGood.page !== undefined && lastGood.page === last?.page);
    last = lastGood;
    if (!halted && !runs) preview.reload();
  });
  builder.onUpdate((paths) => preview.refresh(paths));

  function rerun(): void {
    halted = false;
    stopped.remove();
    preview.reload();
  }
}

/** Where previews are served: on this machine by the same server, elsewhere as the page says. */
function previewOrigin(): string | undefined {
  const named = document.querySelector<HTMLMetaElement>('meta[name=nexxo-preview-origin]')?.content ?? '';
  if (named !== '') return named;
  const isLocal = location.hostname === 'localhost' || location.hostname === '127.0.0.1';
  return isLocal ? `${location.protocol}//*.localhost:${location.port}` : undefined;
}

/** Two tabs with one origin would share what their apps store, and the service worker. */
function nameOfThisTab(): string {
  const key = 'nexxo-preview';
  let name = sessionStorage.getItem(key);
  if (name === null) sessionStorage.setItem(key, (name = `p${crypto.randomUUID().slice(0, 8)}`));
  return name;
}

/** What stands where nothing has run yet. */
function whyNothing({ phase, lastGood, ok }: BuildState): string {
  if (phase === 'stopped') return 'There is no preview without the engine.';
  if (phase === 'initializing') return 'The app appears here as soon as the engine has started and built it.';
  if (phase === 'done' && !ok && lastGood === undefined) return 'The app appears here when its problems are solved.';
  return 'The app appears here in a moment.';
}
