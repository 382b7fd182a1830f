// This file is the file tree: a `tree` as the ARIA practices describe it, with
// one row in the tab order, and files that can be created, renamed and deleted.

import type { Builder } from './builder.ts';
import { button, byId, count, element, icon, prose } from './dom.ts';
import { ask } from './dialog.ts';
import type { Topic } from './topic.ts';
import { PathProblem } from './workspace.ts';
import type { Workspace } from './workspace.ts';

interface Row {
  path: string;
  name: string;
  depth: number;
  folder: boolean;
  expanded: boolean;
  readOnly: boolean;
  position: number;
  siblings: number;
}

interface Folder {
  folders: Map<string, Folder>;
  files: string[];
}

/** A name that is being typed, in place of a row or below a folder. */
interface Draft {
  kind: 'create' | 'rename';
  /** The row that is renamed, or the folder that the new file goes to. */
  path: string;
}

/** Paths that have been opened or closed by hand; every other folder is open unless it holds packages. */
type Toggled = Map<string, boolean>;

/** The tree chooses which file `selected` has. `open` is called when the user means to edit it. */
export function createTree(workspace: Workspace, builder: Builder, selected: Topic<string>, open: () => void): void {
  const tree = byId('tree');
  const tools = byId('tree-tools');
  const toggled: Toggled = new Map();
  let rows: Row[] = [];
  /** The row in the tab order. */
  let active = selected.value;
  let draft: Draft | undefined;
  let typed = '';
  let typedAt = 0;

  const create = button({ class: 'tool', 'aria-label': 'New file', title: 'New file' }, startCreate, icon('plus'));
  const rename = button({ class: 'tool', 'aria-label': 'Rename', title: 'Rename (F2)' }, startRename, icon('pencil'));
  const remove = button({ class: 'tool', 'aria-label': 'Delete', title: 'Delete' }, () => void confirmRemove(), icon('trash'));
  tools.replaceChildren(create, rename, remove);

  function rowAt(path: string): Row | undefined {
    return rows.find((row) => row.path === path);
  }

  function render(): void {
    rows = rowsOf(workspace, toggled);
    if (rowAt(active) === undefined) active = rowAt(selected.value)?.path ?? rows[0]?.path ?? '';
    const focused = tree.contains(document.activeElement) && document.activeElement?.tagName !== 'INPUT';
    const problems = problemCounts(builder);
    const items: HTMLElement[] = [];
    for (const row of rows) {
      if (draft?.kind === 'rename' && draft.path === row.path) items.push(draftRow(row.depth, row.path));
      else items.push(item(row, problems.get(row.path) ?? 0));
      if (draft?.kind === 'create' && draft.path === row.path) items.push(draftRow(row.depth + 1, `${row.path}/`));
    }
    if (draft?.kind === 'create' && draft.path === '') items.unshift(draftRow(0, ''));
    tree.replaceChildren(...items);
    updateTools();
    if (focused) focusActive();
  }

  function item(row: Row, problems: number): HTMLElement {
    const attributes = {
      role: 'treeitem',
      class: 'row',
      tabindex: row.path === active ? 0 : -1,
      'aria-level': row.depth + 1,
      'aria-posinset': row.position,
      'aria-setsize': row.siblings,
      'aria-selected': row.path === selected.value ? 'true' : 'false',
      'aria-expanded': row.folder ? String(row.expanded) : undefined,
      'data-path': row.path,
      style: `--depth: ${row.depth}`,
    };
    const made = element('div', attributes);
    if (row.folder) made.append(icon('chevron'));
    made.append(icon(row.folder ? 'folder' : 'file'), element('span', { class: 'name' }, row.name));
    if (row.readOnly && (row.depth === 0 || !row.folder)) {
      made.append(element('span', { class: 'visually-hidden' }, ', read-only'));
    }
    if (row.readOnly && row.depth === 0) made.append(icon('lock'));
    if (problems > 0) {
      made.append(
        element('span', { class: 'problem-count', 'aria-hidden': 'true' }, String(problems)),
        element('span', { class: 'visually-hidden' }, `, ${count(problems, 'problem')}`),
      );
    }
    return made;
  }

  function draftRow(depth: number, value: string): HTMLElement {
    const kind = draft?.kind ?? 'create';
    const problem = element('span', { class: 'draft-problem', id: 'draft-problem', role: 'alert' });
    const input = element('input', {
      type: 'text',
      value,
      spellcheck: 'false',
      autocapitalize: 'off',
      autocomplete: 'off',
      'aria-label': kind === 'create' ? 'Path of the new file' : `New path of ${value}`,
      'aria-describedby': 'draft-problem',
    });
    let over = false;
    const finish = (keep: boolean): void => {
      if (over) return;
      const path = input.value.trim();
      const folder = draft?.path ?? '';
      try {
        if (keep && path !== '' && path !== value) {
          over = true;
          draft = undefined;
          if (kind === 'create') choose(workspace.create(path));
          else moved(folder, workspace.rename(folder, path));
        }
      } catch (thrown) {
        if (!(thrown instanceof PathProblem)) throw thrown;
        over = false;
        draft = { kind, path: folder };
        input.setAttribute('aria-invalid', 'true');
        problem.replaceChildren(...prose(thrown.message));
        return;
      }
      over = true;
      draft = undefined;
      render();
      focusActive();
    };
    input.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.key === 'Enter') finish(true);
      if (event.key === 'Escape') finish(false);
    });
    // A click elsewhere keeps what was typed if it can be kept, and gives it up otherwise.
    input.addEventListener('blur', () => {
      finish(true);
      if (!over) finish(false);
    });
    queueMicrotask(() => {
      input.focus();
      const name = value.lastIndexOf('/') + 1;
      const dot = value.lastIndexOf('.');
      input.setSelectionRange(name, kind === 'rename' && dot > name ? dot : value.length);
    });
    const attributes = { class: 'row draft', role: 'treeitem', 'aria-level': depth + 1, style: `--depth: ${depth}` };
    return element('div', attributes, icon('file'), input, problem);
  }

  function moved(from: string, to: string): void {
    active = to;
    const shown = selected.value;
    if (shown === from || shown.startsWith(`${from}/`)) selected.value = to + shown.slice(from.length);
  }

  function choose(path: string): void {
    active = path;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      toggled.set(path.slice(0, slash), true);
    }
    selected.value = path;
  }

  function updateTools(): void {
    const row = rowAt(active);
    const fixed = row === undefined || row.readOnly;
    rename.disabled = fixed;
    remove.disabled = fixed;
  }

  function focusActive(): void {
    const found = [...tree.children].find((child) => (child as HTMLElement).dataset['path'] === active);
    (found as HTMLElement | undefined)?.focus();
  }

  function activate(path: string): void {
    putInTabOrder(path);
    focusActive();
  }

  function putInTabOrder(path: string): void {
    active = path;
    for (const child of tree.children) {
      if (child.getAttribute('role') !== 'treeitem') continue;
      child.setAttribute('tabindex', (child as HTMLElement).dataset['path'] === path ? '0' : '-1');
    }
    updateTools();
  }

  function toggle(row: Row, expanded: boolean): void {
    toggled.set(row.path, expanded);
    render();
  }

  function startCreate(): void {
    const row = rowAt(active);
    let folder = '';
    if (row !== undefined && !row.readOnly) folder = row.folder ? row.path : row.path.slice(0, Math.max(0, row.path.lastIndexOf('/')));
    if (folder !== '') toggled.set(folder, true);
    draft = { kind: 'create', path: folder };
    render();
  }

  function startRename(): void {
    const row = rowAt(active);
    if (row === undefined || row.readOnly) return;
    draft = { kind: 'rename', path: row.path };
    render();
  }

  async function confirmRemove(): Promise<void> {
    const row = rowAt(active);
    if (row === undefined || row.readOnly) return;
    const what = row.folder ? `the folder \`${row.path}\` and everything in it` : `\`${row.path}\``;
    if (!(await ask(`Delete ${what}?`, 'Delete'))) {
      focusActive();
      return;
    }
    const at = rows.indexOf(row);
    const after = rows.slice(at + 1).find(({ path }) => !path.startsWith(`${row.path}/`) && !path.startsWith('node_modules'));
    const neighbour = after ?? rows[at - 1];
    workspace.remove(row.path);
    active = neighbour?.path ?? '';
    if (workspace.read(selected.value) === undefined) {
      const next = neighbour !== undefined && !neighbour.folder ? neighbour.path : workspace.paths.value[0];
      if (next !== undefined) selected.value = next;
    }
    render();
    focusActive();
  }

  tree.addEventListener('click', (event) => {
    const path = (event.target as Element).closest<HTMLElement>('[role=treeitem]')?.dataset['path'];
    const row = path === undefined ? undefined : rowAt(path);
    if (row === undefined) return;
    active = row.path;
    if (row.folder) toggle(row, !row.expanded);
    else selected.value = row.path;
    activate(row.path);
  });

  // A screen reader may move the focus to a row by itself.
  tree.addEventListener('focusin', (event) => {
    const path = (event.target as HTMLElement).dataset['path'];
    if (path !== undefined && path !== active) putInTabOrder(path);
  });

  tree.addEventListener('dblclick', (event) => {
    const path = (event.target as Element).closest<HTMLElement>('[role=treeitem]')?.dataset['path'];
    if (path !== undefined && rowAt(path)?.folder === false) open();
  });

  tree.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = rows.findIndex(({ path }) => path === active);
    const row = rows[at];
    if (row === undefined) return;
    const go = (target: Row | undefined): void => {
      if (target !== undefined) activate(target.path);
    };
    switch (event.key) {
      case 'ArrowDown':
        go(rows[at + 1]);
        break;
      case 'ArrowUp':
        go(rows[at - 1]);
        break;
      case 'Home':
        go(rows[0]);
        break;
      case 'End':
        go(rows.at(-1));
        break;
      case 'ArrowRight':
        if (row.folder && !row.expanded) toggle(row, true);
        else if (row.folder) go(rows[at + 1]);
        break;
      case 'ArrowLeft':
        if (row.folder && row.expanded) toggle(row, false);
        else go(rowAt(row.path.slice(0, Math.max(0, row.path.lastIndexOf('/')))));
        break;
      case 'Enter':
        if (row.folder) toggle(row, !row.expanded);
        else {
          selected.value = row.path;
          open();
        }
        break;
      case ' ':
        if (row.folder) toggle(row, !row.expanded);
        else selected.value = row.path;
        break;
      case 'F2':
        startRename();
        break;
      case 'Delete':
        void confirmRemove();
        break;
      default:
        if (event.key.length !== 1) return;
        go(typeAhead(event.key, at));
    }
    event.preventDefault();
  });

  /** The next row whose name begins with what was typed in the last half second. */
  function typeAhead(key: string, at: number): Row | undefined {
    const now = performance.now();
    typed = (now - typedAt < 500 ? typed : '') + key.toLowerCase();
    typedAt = now;
    const from = typed.length > 1 ? at : at + 1;
    return [...rows.slice(from), ...rows.slice(0, from)].find(({ name }) => name.toLowerCase().startsWith(typed));
  }

  workspace.paths.watch(render);
  selected.watch((path) => {
    active = path;
    render();
  });
  let marks = '';
  builder.state.watch(() => {
    // Rows are drawn anew only when their marks differ: a build that changes none must not disturb a typed name.
    const now = JSON.stringify([...problemCounts(builder)]);
    if (now === marks || draft !== undefined) return;
    marks = now;
    render();
  });
}

function problemCounts(builder: Builder): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { file, severity } of builder.state.value.diagnostics) {
    if (file !== undefined && severity !== 'info') counts.set(file, (counts.get(file) ?? 0) + 1);
  }
  return counts;
}

/** The rows to show: folders before files, both by name, packages last. */
function rowsOf(workspace: Workspace, toggled: Toggled): Row[] {
  const root = newFolder();
  for (const path of workspace.paths.value) {
    const segments = path.split('/');
    let at = root;
    for (const segment of segments.slice(0, -1)) {
      const next = at.folders.get(segment) ?? newFolder();
      at.folders.set(segment, next);
      at = next;
    }
    at.files.push(segments.at(-1) ?? path);
  }
  const rows: Row[] = [];
  const add = (folder: Folder, base: string, depth: number): void => {
    const names = [...folder.folders.keys()].sort();
    if (depth === 0 && folder.folders.has('node_modules')) names.splice(names.indexOf('node_modules'), 1);
    const files = [...folder.files].sort();
    const packages = depth === 0 && folder.folders.has('node_modules') ? ['node_modules'] : [];
    const siblings = names.length + files.length + packages.length;
    let position = 0;
    const addFolder = (name: string): void => {
      const path = base + name;
      const readOnly = path.split('/')[0] === 'node_modules';
      const expanded = toggled.get(path) ?? !readOnly;
      position += 1;
      rows.push({ path, name, depth, folder: true, expanded, readOnly, position, siblings });
      const below = folder.folders.get(name);
      if (expanded && below !== undefined) add(below, `${path}/`, depth + 1);
    };
    for (const name of names) addFolder(name);
    for (const name of files) {
      position += 1;
      const path = base + name;
      const readOnly = workspace.isReadOnly(path);
      rows.push({ path, name, depth, folder: false, expanded: false, readOnly, position, siblings });
    }
    for (const name of packages) addFolder(name);
  };
  add(root, '', 0);
  return rows;
}

function newFolder(): Folder {
  return { folders: new Map(), files: [] };
}
