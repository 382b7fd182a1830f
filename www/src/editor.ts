// This file is the editor panel: one text at a time, each with its own history,
// and the engine's diagnostics at the places they are about.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, foldGutter, foldKeymap, indentOnInput } from '@codemirror/language';
import { lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import type { Diagnostic as Mark } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import type { Extension } from '@codemirror/state';
import {
  EditorView,
  drawSelection,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import type { Diagnostic } from 'nexxo';
import type { Builder } from './builder.ts';
import { byId, element, icon, prose } from './dom.ts';
import { appearance, languageOf } from './language.ts';
import type { Topic } from './topic.ts';
import type { Workspace } from './workspace.ts';

export interface Editor {
  focus(): void;
  /** Shows a file with the cursor at a diagnostic's place. */
  goTo(diagnostic: Diagnostic): void;
  /** Shows a file with the cursor at a line and column, from 1; at the nearest there is. */
  goToLine(file: string, line: number, column: number): void;
}

/** The editor shows the file whose path `selected` has. */
export function createEditor(workspace: Workspace, builder: Builder, selected: Topic<string>): Editor {
  const host = byId('editor-host');
  const title = byId('editor-title');
  /** The texts that were shown, with their histories and cursors. */
  const states = new Map<string, EditorState>();
  let shown = '';

  const view = new EditorView({
    parent: host,
    state: EditorState.create({ extensions: [appearance] }),
    dispatchTransactions(transactions, target) {
      target.update(transactions);
      if (transactions.some((transaction) => transaction.docChanged)) {
        workspace.write(shown, target.state.doc.toString());
      }
    },
  });

  function show(path: string): void {
    if (path !== shown || shown === '') {
      if (shown !== '') states.set(shown, view.state);
      shown = path;
    }
    const text = workspace.read(path);
    const readOnly = workspace.isReadOnly(path);
    title.replaceChildren(...titleOf(path, readOnly));
    if (text === undefined) {
      states.delete(path);
      view.setState(EditorState.create({ extensions: [appearance, EditorState.readOnly.of(true)] }));
      return;
    }
    const kept = states.get(path);
    view.setState(kept?.doc.toString() === text ? kept : newState(path, text, readOnly));
    mark();
  }

  function mark(): void {
    const { diagnostics, current, phase } = builder.state.value;
    // While the text is ahead of the engine, the old marks move along with it.
    if (!current && phase !== 'stopped') return;
    const marks = diagnostics.filter(({ file }) => file === shown).map((diagnostic) => markOf(diagnostic, view.state));
    view.dispatch(setDiagnostics(view.state, marks));
  }

  function goTo(file: string, find?: (view: EditorView) => number): void {
    if (workspace.read(file) === undefined) return;
    selected.value = file;
    if (find !== undefined) {
      const at = find(view);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: 'center' }) });
    }
    view.focus();
  }

  workspace.onChange((changes) => {
    for (const { path, contents } of changes) {
      if (path === shown && contents === view.state.doc.toString()) continue;
      states.delete(path);
      if (path === shown) show(path);
    }
  });
  selected.watch(show);
  builder.state.watch(mark);

  return {
    focus: () => view.focus(),
    goTo(diagnostic) {
      const { file, range } = diagnostic;
      if (file !== undefined) goTo(file, range === undefined ? undefined : ({ state }) => extentOf(diagnostic, state).from);
    },
    goToLine(file, line, column) {
      goTo(file, ({ state: { doc } }) => {
        const { from, length } = doc.line(within(line, 1, doc.lines));
        return from + within(column - 1, 0, length);
      });
    },
  };
}

function newState(path: string, doc: string, readOnly: boolean): EditorState {
  const label = readOnly ? `${path}, read-only` : path;
  const extensions: Extension[] = [
    lineNumbers(),
    lintGutter(),
    foldGutter({ markerDOM: foldMarker }),
    highlightActiveLineGutter(),
    highlightActiveLine(),
    drawSelection(),
    history(),
    indentOnInput(),
    bracketMatching(),
    closeBrackets(),
    autocompletion({ icons: false }),
    highlightSelectionMatches(),
    keymap.of([
      ...closeBracketsKeymap,
      ...defaultKeymap,
      ...searchKeymap,
      ...historyKeymap,
      ...foldKeymap,
      ...completionKeymap,
      ...lintKeymap,
      indentWithTab,
    ]),
    languageOf(path),
    appearance,
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({
      'aria-label': `Editor: ${label}`,
      'aria-describedby': 'editor-help',
      // It is in the tab order anyway, but not everything that looks at pages knows that of editable text.
      tabindex: '0',
      ...(readOnly ? { 'aria-readonly': 'true' } : {}),
    }),
  ];
  return EditorState.create({ doc, extensions });
}

function foldMarker(open: boolean): HTMLElement {
  return element('span', { class: open ? 'fold open' : 'fold', title: open ? 'Fold' : 'Unfold' }, icon('chevron'));
}

function titleOf(path: string, readOnly: boolean): Node[] {
  const slash = path.lastIndexOf('/') + 1;
  const nodes: Node[] = [
    element('span', { class: 'folder' }, path.slice(0, slash)),
    element('span', { class: 'name' }, path.slice(slash)),
  ];
  if (readOnly) nodes.push(element('span', { class: 'badge' }, 'read-only'));
  return nodes;
}

function markOf(diagnostic: Diagnostic, state: EditorState): Mark {
  return {
    ...extentOf(diagnostic, state),
    severity: diagnostic.severity,
    source: diagnostic.code,
    message: diagnostic.message,
    renderMessage() {
      const parts: Node[] = [element('div', {}, ...prose(diagnostic.message))];
      if (diagnostic.hint !== undefined) parts.push(element('div', { class: 'hint' }, ...prose(diagnostic.hint)));
      return element('div', {}, ...parts);
    },
  };
}

function within(value: number, least: number, most: number): number {
  return Math.min(Math.max(Number.isNaN(value) ? least : Math.trunc(value), least), most);
}

/** At least one character, so that there is something to see. */
function extentOf({ range }: Diagnostic, state: EditorState): { from: number; to: number } {
  const { length } = state.doc;
  let from = Math.min(range?.start.offset ?? 0, length);
  let to = Math.min(Math.max(range?.end.offset ?? 0, from), length);
  if (from === to) {
    const line = state.doc.lineAt(from);
    if (to < line.to) to += 1;
    else if (from > line.from) from -= 1;
  }
  return { from, to };
}
