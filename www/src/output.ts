// This file is the list of output files with their sizes, and a viewer of their
// text.

import { search, searchKeymap } from '@codemirror/search';
import { EditorState } from '@codemirror/state';
import type { Extension } from '@codemirror/state';
import { EditorView, drawSelection, keymap, lineNumbers } from '@codemirror/view';
import type { OutputFile } from 'nexxo';
import type { Builder } from './builder.ts';
import { button, byId, bytes, count, element } from './dom.ts';
import { appearance, languageOf } from './language.ts';

/** Beyond this, colours cost more than they give. */
const mostHighlighted = 400_000;

export function createOutput(builder: Builder): void {
  const panel = byId('panel-output');
  const viewerHost = element('div', { class: 'output-viewer', role: 'group', 'aria-label': 'Text of the output file' });
  const list = element('div', { class: 'output-list' });
  panel.replaceChildren(element('p', { class: 'empty' }, 'Nothing was built yet.'));
  const view = new EditorView({ parent: viewerHost, state: EditorState.create({ extensions: [appearance] }) });
  let files: OutputFile[] = [];
  let chosen = '';
  let viewed: OutputFile | undefined;

  builder.state.watch(({ lastGood }) => {
    if (lastGood === undefined || lastGood.result.outputFiles === files) return;
    files = lastGood.result.outputFiles;
    if (!files.some(({ fileName }) => fileName === chosen)) chosen = files[0]?.fileName ?? '';
    render();
    if (!viewerHost.isConnected) panel.replaceChildren(list, viewerHost);
    showWhenVisible();
  });

  // Megabytes of text are laid out only when somebody looks at them.
  new IntersectionObserver(() => showWhenVisible()).observe(viewerHost);

  function showWhenVisible(): void {
    const file = files.find(({ fileName }) => fileName === chosen);
    if (file === undefined || file === viewed || !viewerHost.checkVisibility()) return;
    viewed = file;
    view.setState(viewerState(file));
  }

  function render(): void {
    const focused = list.contains(document.activeElement) ? document.activeElement?.textContent : undefined;
    const head = element(
      'tr',
      {},
      element('th', { scope: 'col' }, 'File'),
      element('th', { scope: 'col', class: 'number' }, 'Raw'),
      element('th', { scope: 'col', class: 'number' }, 'Gzip'),
    );
    const body = files.map(fileRow);
    const table = element('table', {}, element('caption', { class: 'visually-hidden' }, 'Output files'), element('thead', {}, head), element('tbody', {}, ...body));
    if (files.length > 1) table.append(element('tfoot', {}, totalRow()));
    list.replaceChildren(table);
    if (focused !== undefined) [...list.querySelectorAll('button')].find(({ textContent }) => textContent === focused)?.focus();
  }

  function totalRow(): HTMLElement {
    const raw = files.reduce((sum, { contents }) => sum + contents.length, 0);
    const zipped = element('td', { class: 'number' }, '…');
    void Promise.all(files.map(({ contents }) => gzipSize(contents))).then((sizes) => {
      zipped.textContent = sizes.includes(undefined) ? 'unknown' : bytes(sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0));
    });
    return element('tr', {}, element('th', { scope: 'row' }, count(files.length, 'file')), element('td', { class: 'number' }, bytes(raw)), zipped);
  }

  function fileRow(file: OutputFile): HTMLElement {
    const choose = button({ class: 'link', 'aria-pressed': String(file.fileName === chosen) }, () => {
      chosen = file.fileName;
      render();
      showWhenVisible();
    }, file.fileName);
    const kind = kindOf(file);
    const name = element('th', { scope: 'row' }, choose);
    if (kind !== '') name.append(element('span', { class: 'badge' }, kind));
    const zipped = element('td', { class: 'number' }, '…');
    void gzipSize(file.contents).then((size) => (zipped.textContent = size === undefined ? 'unknown' : bytes(size)));
    return element('tr', {}, name, element('td', { class: 'number' }, bytes(file.contents.length)), zipped);
  }
}

function kindOf({ type, isEntry, isDynamicEntry }: OutputFile): string {
  if (type !== 'chunk') return type === 'sourcemap' ? 'source map' : 'asset';
  if (isEntry) return 'entry';
  return isDynamicEntry ? 'on demand' : 'shared';
}

function viewerState(file: OutputFile): EditorState {
  const { text } = file;
  const extensions: Extension[] = [
    lineNumbers(),
    drawSelection(),
    search({ top: true }),
    keymap.of(searchKeymap),
    EditorState.readOnly.of(true),
    EditorView.contentAttributes.of({ 'aria-label': `Output: ${file.fileName}`, 'aria-readonly': 'true', tabindex: '0' }),
    appearance,
  ];
  if (text.length <= mostHighlighted) extensions.push(languageOf(file.fileName));
  return EditorState.create({ doc: text, extensions });
}

async function gzipSize(contents: Uint8Array): Promise<number | undefined> {
  try {
    const stream = new Blob([contents as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new CompressionStream('gzip'));
    let size = 0;
    for await (const chunk of stream) size += chunk.byteLength;
    return size;
  } catch {
    // An old browser does without.
    return undefined;
  }
}
