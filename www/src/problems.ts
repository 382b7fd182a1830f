// This file is the list of problems: what is wrong, where, and what to do.

import type { Diagnostic } from 'nexxo';
import type { Builder } from './builder.ts';
import { button, byId, element, icon, prose } from './dom.ts';
import type { Workspace } from './workspace.ts';

const severityWords = { error: 'Error', warning: 'Warning', info: 'Note' } as const;

/** Clicking a problem, or Enter on it, calls `goTo`. */
export function createProblems(workspace: Workspace, builder: Builder, goTo: (diagnostic: Diagnostic) => void): void {
  const panel = byId('panel-problems');
  const badge = byId('problems-badge');
  let shown = '';

  builder.state.watch(({ diagnostics, phase, lastGood }) => {
    const built = phase === 'done' || lastGood !== undefined;
    const now = JSON.stringify([diagnostics, built]);
    if (now === shown) return;
    shown = now;
    badge.textContent = diagnostics.length === 0 ? '' : String(diagnostics.length);
    badge.dataset['severity'] = diagnostics.some(({ severity }) => severity === 'error') ? 'error' : 'warning';
    if (diagnostics.length === 0) {
      const words = built ? [icon('check'), 'No problems.'] : ['Nothing was built yet.'];
      panel.replaceChildren(element('p', { class: built ? 'empty good' : 'empty' }, ...words));
      return;
    }
    const focused = [...panel.querySelectorAll('.problem-place')].indexOf(document.activeElement as Element);
    // One problem has room for its code; of several, a list is wanted first.
    const open = diagnostics.length === 1;
    const items = diagnostics.map((diagnostic) => problemItem(diagnostic, workspace, open, goTo));
    panel.replaceChildren(element('ul', { class: 'problems', 'aria-label': 'Problems' }, ...items));
    // A rebuild that leaves the focused problem in its place leaves the focus there too.
    if (focused !== -1) [...panel.querySelectorAll<HTMLElement>('.problem-place')][focused]?.focus();
  });
}

function problemItem(
  diagnostic: Diagnostic,
  workspace: Workspace,
  open: boolean,
  goTo: (diagnostic: Diagnostic) => void,
): HTMLElement {
  const { code, severity, message, file, range, frame, hint, notes } = diagnostic;
  const item = element('li', { class: 'problem', 'data-severity': severity }, icon(severity));
  const body = element('div', { class: 'problem-body' });
  const place = file === undefined ? '' : range === undefined ? file : `${file}:${range.start.line}:${range.start.column}`;
  const sentence = element('span', { class: 'problem-message' }, ...prose(message));
  const words = element('span', { class: 'visually-hidden' }, `${severityWords[severity]}: `);
  if (file !== undefined && workspace.read(file) !== undefined) {
    const spoken = element('span', { class: 'problem-location' }, place);
    body.append(button({ class: 'problem-place', title: 'Go to this place' }, () => goTo(diagnostic), words, sentence, ' ', spoken));
  } else {
    body.append(element('p', { class: 'problem-text' }, words, sentence, place === '' ? '' : ` ${place}`));
  }
  for (const note of notes) body.append(element('p', { class: 'problem-note' }, ...prose(note)));
  if (hint !== undefined) body.append(element('p', { class: 'problem-hint' }, ...prose(hint)));
  const details = element('div', { class: 'problem-details' }, element('code', { class: 'problem-code' }, code));
  body.append(details);
  if (frame !== undefined && frame !== '') {
    const lines = element('pre', { tabindex: 0, role: 'group', 'aria-label': 'Code frame' }, frame);
    if (open) body.append(lines);
    else details.append(element('details', {}, element('summary', {}, 'Show the code'), lines));
  }
  item.append(body);
  return item;
}
