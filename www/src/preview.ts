// This file shows the project running. Every run gets a frame of its own, whose
// origin is opaque; `preview-frame.ts` says why it is made the way it is.

import type { Builder, BuildState, GoodBuild } from './builder.ts';
import { runnable } from './chunks.ts';
import type { Console, Level } from './console.ts';
import { button, byId, element, icon } from './dom.ts';
import type { FrameMessage, RunMessage } from './preview-protocol.ts';
import type { Workspace } from './workspace.ts';

interface Run {
  nonce: string;
  frame: HTMLIFrameElement;
  build: GoodBuild;
  phase: 'loading' | 'running' | 'shown';
  lines: number;
  timer: ReturnType<typeof setTimeout>;
}

/** A frame that has not said that it is there by then is shown as it is. */
const patienceMs = 4_000;
/** The frame counts its lines itself; this is for one that does not. */
const mostLines = 6_000;
const levels: readonly string[] = ['log', 'info', 'warn', 'error', 'debug'] satisfies Level[];

export function createPreview(workspace: Workspace, builder: Builder, output: Console): void {
  const host = byId('preview-host');
  const note = byId('preview-note');
  const stopped = element('p', { class: 'empty' }, 'The preview is stopped.');
  const waiting = element('p', { class: 'empty waiting' });
  host.replaceChildren(waiting);
  /** The one that is seen, and the one that takes its place as soon as it runs. */
  let shown: Run | undefined;
  let next: Run | undefined;
  let last: GoodBuild | undefined;
  let halted = false;

  const stop = button({ class: 'tool', 'aria-label': 'Stop the preview', title: 'Stop' }, halt, icon('stop'));
  const again = button({ class: 'tool', 'aria-label': 'Run the preview again', title: 'Run again' }, rerun, icon('replay'));
  byId('preview-tools').replaceChildren(stop, again);

  builder.state.watch((state) => {
    const { lastGood, ok, phase } = state;
    waiting.textContent = whyNothing(state);
    note.hidden = phase === 'initializing' || ok || lastGood === undefined;
    if (lastGood === undefined || lastGood === last) return;
    // An app that is kept up to date runs on; its output is of interest to others only.
    const runs = lastGood.page !== undefined && lastGood.page === last?.page;
    last = lastGood;
    if (!halted && !runs) start(lastGood);
  });

  addEventListener('message', (event: MessageEvent<unknown>) => {
    const run = [shown, next].find((candidate) => candidate?.frame.contentWindow === event.source);
    if (run === undefined || event.source === null || !isFrameMessage(event.data, run.nonce)) return;
    receive(run, event.data);
  });

  function start(build: GoodBuild): void {
    discard(next);
    const nonce = crypto.randomUUID();
    const frame = element('iframe', {
      class: 'preview-frame',
      // Scripts and nothing else: no origin, no popups, no forms, no way to the top.
      sandbox: 'allow-scripts',
      title: 'Preview of the project',
      referrerpolicy: 'no-referrer',
      src: `preview.html#${nonce}`,
    });
    frame.inert = true;
    const run: Run = { nonce, frame, build, phase: 'loading', lines: 0, timer: setTimeout(() => late(run), patienceMs) };
    next = run;
    stopped.remove();
    host.append(frame);
  }

  function receive(run: Run, message: FrameMessage): void {
    switch (message.type) {
      case 'ready': {
        // Once, and before any of the project's code has run, so nobody else can be listening in the frame.
        if (run.phase !== 'loading') return;
        run.phase = 'running';
        const { result, options } = run.build;
        const format = options.output?.format ?? 'esm';
        if (run === next) output.clear();
        if (format === 'cjs') output.print('warn', 'The preview runs `esm` and `iife` output; a browser cannot run `cjs`.');
        const data: RunMessage = {
          type: 'run',
          nonce: run.nonce,
          html: workspace.read('index.html'),
          scripts: runnable(result.outputFiles, format === 'esm'),
        };
        const { page } = run.build;
        const channel = page === undefined ? undefined : new MessageChannel();
        run.frame.contentWindow?.postMessage(data, '*', channel === undefined ? [] : [channel.port2]);
        if (page !== undefined && channel !== undefined) builder.attach(page, channel.port1);
        return;
      }
      case 'ran':
        show(run);
        return;
      case 'print':
        for (const { level, text } of message.lines) {
          run.lines += 1;
          if (run.lines > mostLines) return;
          output.print(level, text);
        }
    }
  }

  function late(run: Run): void {
    if (run.phase === 'loading') {
      output.print('error', 'The preview could not be loaded. `preview.html` has to be served beside this page, without its policy.');
    }
    show(run);
  }

  /** The old frame stays until the new one has something to show, so that nothing flickers. */
  function show(run: Run): void {
    if (run !== next) return;
    clearTimeout(run.timer);
    waiting.remove();
    discard(shown);
    run.phase = 'shown';
    run.frame.inert = false;
    run.frame.classList.add('shown');
    shown = run;
    next = undefined;
  }

  function discard(run: Run | undefined): void {
    clearTimeout(run?.timer);
    run?.frame.remove();
  }

  function halt(): void {
    halted = true;
    discard(shown);
    discard(next);
    shown = undefined;
    next = undefined;
    host.replaceChildren(stopped);
  }

  function rerun(): void {
    halted = false;
    // A page is one run of the app; the next one is another page.
    if (last?.page !== undefined) void builder.build();
    else if (last !== undefined) start(last);
  }
}

/** What stands where nothing has run yet. */
function whyNothing({ phase, lastGood, ok }: BuildState): string {
  if (phase === 'stopped') return 'There is no preview without the engine.';
  if (phase === 'initializing') return 'The app appears here as soon as the engine has started and built it.';
  if (phase === 'done' && !ok && lastGood === undefined) return 'The app appears here when its problems are solved.';
  return 'The app appears here in a moment.';
}

function isFrameMessage(data: unknown, nonce: string): data is FrameMessage {
  if (typeof data !== 'object' || data === null || !('nonce' in data) || data.nonce !== nonce || !('type' in data)) return false;
  if (data.type === 'ready' || data.type === 'ran') return true;
  return data.type === 'print' && 'lines' in data && Array.isArray(data.lines) && data.lines.every(isLine);
}

function isLine(line: unknown): boolean {
  if (typeof line !== 'object' || line === null || !('level' in line) || !('text' in line)) return false;
  return typeof line.text === 'string' && typeof line.level === 'string' && levels.includes(line.level);
}
