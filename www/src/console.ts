// This file is the console panel: what the project prints and fails with while
// it runs in the preview. All of it is shown as text.

import { button, byId, element } from './dom.ts';

export type Level = 'log' | 'info' | 'warn' | 'error' | 'debug';

export interface Console {
  print(level: Level, text: string): void;
  /** Begins anew, with a run. */
  clear(): void;
}

/** A project that prints without end must not fill the page. */
const mostLines = 500;
const longestText = 10_000;

const levelWords: Record<Level, string> = { log: '', info: 'Info: ', warn: 'Warning: ', error: 'Error: ', debug: 'Debug: ' };

export function createConsole(): Console {
  const panel = byId('panel-console');
  const badge = byId('console-badge');
  const empty = element('p', { class: 'empty' }, 'Nothing was printed.');
  const list = element('ul', { class: 'console', 'aria-label': 'Console' });
  const clear = button({ class: 'button small' }, reset, 'Clear');
  panel.replaceChildren(empty);
  let errors = 0;
  let last: { level: Level; text: string; line: HTMLElement; times: number } | undefined;
  /** Lines that came in one go are put in as one: each time, the browser lays out all of them. */
  let fresh: HTMLElement[] = [];

  function reset(): void {
    errors = 0;
    last = undefined;
    fresh = [];
    badge.textContent = '';
    list.replaceChildren();
    panel.replaceChildren(empty);
  }

  function putIn(): void {
    if (fresh.length === 0) return;
    const atEnd = panel.scrollTop + panel.clientHeight >= panel.scrollHeight - 8;
    list.append(...fresh.slice(-mostLines));
    fresh = [];
    while (list.childElementCount > mostLines) list.firstElementChild?.remove();
    if (!list.isConnected) panel.replaceChildren(clear, list);
    if (atEnd) panel.scrollTop = panel.scrollHeight;
  }

  return {
    clear: reset,
    print(level, text) {
      const shown = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
      if (level === 'error') {
        errors += 1;
        badge.textContent = String(errors);
        badge.dataset['severity'] = 'error';
      }
      if (last?.level === level && last.text === shown) {
        last.times += 1;
        last.line.dataset['times'] = `× ${last.times}`;
        return;
      }
      const prefix = element('span', { class: 'visually-hidden' }, levelWords[level]);
      const line = element('li', { 'data-level': level }, prefix, shown);
      last = { level, text: shown, line, times: 1 };
      if (fresh.push(line) === 1) queueMicrotask(putIn);
    },
  };
}
