// This file puts the page together: the project, the build, and one panel each
// for what there is to see.

import { Builder, startEngine } from './builder.ts';
import type { Mode } from './builder.ts';
import { createConsole } from './console.ts';
import { ask } from './dialog.ts';
import { button, byId, element, icon } from './dom.ts';
import { createEditor } from './editor.ts';
import { createLayout } from './layout.ts';
import { createOutput } from './output.ts';
import { createPreviewPanel } from './preview.ts';
import { createProblems } from './problems.ts';
import { createStatus } from './status.ts';
import { createTheme } from './theme.ts';
import { createTimeline } from './timeline.ts';
import { Topic } from './topic.ts';
import { createTree } from './tree.ts';
import { Workspace } from './workspace.ts';
import type { Example } from './workspace.ts';

/** Set by `build.mjs`, which names the file after its content. */
declare const EXAMPLE_URL: string;

const engine = startEngine();
createTheme();
const layout = createLayout();

try {
  await open(await fetchExample());
} catch (thrown) {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  byId('status').textContent = 'The page could not start';
  byId('editor-host').replaceChildren(element('p', { class: 'empty', role: 'alert' }, message));
}

async function fetchExample(): Promise<Example> {
  const response = await fetch(new URL(EXAMPLE_URL, document.baseURI));
  if (!response.ok) throw new Error(`The example could not be fetched: the server said ${response.status}.`);
  return (await response.json()) as Example;
}

async function open(example: Example): Promise<void> {
  const workspace = new Workspace(example);
  const builder = new Builder(workspace, createModes((mode) => (builder.mode = mode)));
  const started = builder.start(engine);

  const selected = new Topic(selectedAtFirst(workspace));
  const editor = createEditor(workspace, builder, selected);
  createTree(workspace, builder, selected, () => {
    layout.reveal('editor');
    editor.focus();
  });
  createProblems(workspace, builder, (diagnostic) => {
    layout.reveal('editor');
    editor.goTo(diagnostic);
  });
  createOutput(builder);
  createTimeline(builder);
  createStatus(builder);
  createPreviewPanel(workspace, builder, createConsole(), ({ file, line, column }) => {
    layout.reveal('editor');
    editor.goToLine(file, line, column);
  });
  createReset(workspace);
  createAgain(builder);

  selected.watch((path) => history.replaceState(null, '', `#file=${encodeURIComponent(path).replaceAll('%2F', '/')}`));
  addEventListener('hashchange', () => {
    const path = fileInHash();
    if (path !== undefined && workspace.read(path) !== undefined) selected.value = path;
  });
  byId('project-name').textContent = example.name;
  builder.version.watch((version) => {
    if (version !== '') byId('version').textContent = version;
  });
  await started;
}

function selectedAtFirst(workspace: Workspace): string {
  const wanted = fileInHash();
  const known = (path: string | undefined): boolean => path !== undefined && workspace.read(path) !== undefined;
  if (wanted !== undefined && known(wanted)) return wanted;
  return known(workspace.example.open) ? workspace.example.open : (workspace.paths.value[0] ?? '');
}

function fileInHash(): string | undefined {
  return new URLSearchParams(location.hash.slice(1)).get('file') ?? undefined;
}

/** The choice between a development and a production build. It gives the mode to begin with. */
function createModes(choose: (mode: Mode) => void): Mode {
  const inputs = [...byId('modes').querySelectorAll<HTMLInputElement>('input')];
  for (const input of inputs) input.addEventListener('change', () => choose(input.value as Mode));
  // A browser may bring back what was chosen before a reload.
  return (inputs.find(({ checked }) => checked)?.value ?? 'development') as Mode;
}

/** Builds without a change, by a button or by the keys that would save the page: after a restart of the engine that is wanted. */
function createAgain(builder: Builder): void {
  const again = button({ class: 'tool', 'aria-label': 'Build again', title: 'Build again (Ctrl+S)' }, () => void builder.build(), icon('play'));
  byId('again').replaceChildren(again);
  builder.state.watch(({ phase }) => (again.disabled = phase === 'initializing' || phase === 'stopped'));
  addEventListener('keydown', (event) => {
    if (event.key.toLowerCase() !== 's' || event.altKey || event.shiftKey || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    void builder.build();
  });
}

function createReset(workspace: Workspace): void {
  const reset = byId('reset') as HTMLButtonElement;
  const update = (): void => void (reset.disabled = !workspace.isEdited());
  workspace.onChange(update);
  update();
  reset.addEventListener('click', () => {
    void ask('Bring the example back and lose what you changed?', 'Reset').then((sure) => {
      if (sure) workspace.reset();
    });
  });
}
