// This file shows what is wrong over the app: problems of the build, and errors
// that nobody caught. Everything is put there as text. The app underneath stays
// as it is.

import type { Diagnostic } from '../../../worker/src/protocol.ts';

export interface OverlayOptions {
  /** Called when a place in a file is chosen. Without it, the place is copied. */
  open?(place: Place): void;
}

/** A place in a source: lines and columns from 1. */
export interface Place {
  file: string;
  line: number;
  column: number;
}

const style = `
:host { all: initial; position: fixed; inset: 0; z-index: 2147483647; color-scheme: light dark; }
.veil { position: absolute; inset: 0; overflow: auto; padding: 24px 16px; box-sizing: border-box; background: light-dark(rgb(246 246 248 / 86%), rgb(14 15 19 / 86%)); font: 14px/1.5 system-ui, sans-serif; color: light-dark(#1c1d22, #e8e8ec); }
.box { max-width: 860px; margin: 0 auto; background: light-dark(#fff, #1b1c22); border-radius: 10px; border-top: 4px solid light-dark(#c8324a, #ff6b81); box-shadow: 0 12px 40px rgb(0 0 0 / 25%); }
.box:focus { outline: none; }
header { display: flex; gap: 12px; align-items: baseline; padding: 14px 18px 0; }
h2 { flex: 1; margin: 0; font-size: 15px; font-weight: 600; }
button { font: inherit; color: inherit; background: none; border: 1px solid light-dark(#c9cad2, #4a4c57); border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button:focus-visible, .place:focus-visible { outline: 2px solid light-dark(#2f6feb, #7aa8ff); outline-offset: 2px; }
article { padding: 12px 18px 16px; }
article + article { border-top: 1px solid light-dark(#e6e6ea, #2d2f38); }
.message { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.code { font: 600 12px/1 ui-monospace, monospace; color: light-dark(#b3233b, #ff8fa1); margin-right: 8px; }
.place { border: 0; padding: 0; margin-top: 6px; text-decoration: underline; font: 12px/1.5 ui-monospace, monospace; color: light-dark(#2459c9, #8fb4ff); overflow-wrap: anywhere; text-align: left; }
pre { margin: 10px 0 0; padding: 10px 12px; overflow-x: auto; font: 12px/1.55 ui-monospace, monospace; background: light-dark(#f4f4f7, #121318); border-radius: 6px; tab-size: 2; }
.marked { color: light-dark(#b3233b, #ff8fa1); font-weight: 600; }
.hint, .note { margin: 8px 0 0; white-space: pre-wrap; overflow-wrap: anywhere; color: light-dark(#50525c, #a9abb6); font-size: 13px; }
.note { font: 12px/1.5 ui-monospace, monospace; margin-top: 4px; }
footer { padding: 0 18px 14px; font-size: 12px; color: light-dark(#6a6c78, #8b8d99); }
`;

let shown: HTMLElement | undefined;
let focused: Element | null = null;

/** Shows problems, in place of those that were shown before. */
export function showOverlay(diagnostics: Diagnostic[], options: OverlayOptions = {}): void {
  const before = shown;
  if (before === undefined) focused = document.activeElement;
  const host = element('nexxo-overlay');
  const root = host.attachShadow({ mode: 'closed' });
  adopt(root);
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const title = element('h2', '', errors === 1 ? 'One error' : `${errors > 0 ? errors : diagnostics.length} ${errors > 0 ? 'errors' : 'problems'}`);
  title.id = 'title';
  const close = element('button', '', 'Close');
  close.type = 'button';
  close.addEventListener('click', hideOverlay);
  const head = element('header');
  head.append(title, close);
  const box = element('div', 'box');
  box.setAttribute('role', 'alertdialog');
  box.setAttribute('aria-labelledby', 'title');
  box.tabIndex = -1;
  box.append(head, ...diagnostics.slice(0, 20).map((diagnostic) => article(diagnostic, options)), element('footer', '', 'Escape closes this. It goes by itself when the problem is solved.'));
  const veil = element('div', 'veil');
  veil.append(box);
  veil.addEventListener('click', (event) => {
    if (event.target === veil) hideOverlay();
  });
  veil.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    hideOverlay();
  });
  root.append(veil);
  shown = host;
  document.documentElement.append(host);
  before?.remove();
  // Whoever types in the page that embeds this must not lose the keyboard.
  if (document.hasFocus()) box.focus({ preventScroll: true });
}

/** Takes the overlay away, if there is one. */
export function hideOverlay(): void {
  if (shown === undefined) return;
  const hadFocus = document.activeElement === shown;
  shown.remove();
  shown = undefined;
  if (hadFocus && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
}

function article({ code, message, file, range, frame, hint, notes }: Diagnostic, options: OverlayOptions): HTMLElement {
  const made = element('article');
  const sentence = element('p', 'message');
  sentence.append(element('span', 'code', code), message);
  made.append(sentence);
  if (file !== undefined) {
    const place = { file, line: range?.start.line ?? 1, column: range?.start.column ?? 1 };
    const text = range === undefined ? file : `${file}:${place.line}:${place.column}`;
    const link = element('button', 'place', text);
    link.type = 'button';
    link.title = options.open === undefined ? 'Copy this place' : 'Open this place';
    link.addEventListener('click', () => {
      if (options.open !== undefined) options.open(place);
      else void navigator.clipboard?.writeText(text).then(() => (link.textContent = `${text}  (copied)`));
    });
    made.append(link);
  }
  if (frame !== undefined) {
    const code = element('pre');
    for (const line of frame.split('\n')) {
      const isMarked = /^>|^\s*\|\s*\^/.test(line);
      code.append(isMarked ? element('span', 'marked', line) : line, '\n');
    }
    made.append(code);
  }
  if (hint !== undefined) made.append(element('p', 'hint', hint));
  for (const note of notes) made.append(element('p', 'note', note));
  return made;
}

/** A sheet that is made by script is no inline style, which a page's policy may forbid. */
function adopt(root: ShadowRoot): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
}

function element<Name extends keyof HTMLElementTagNameMap>(name: Name, className?: string, text?: string): HTMLElementTagNameMap[Name];
function element(name: string, className?: string, text?: string): HTMLElement;
function element(name: string, className = '', text?: string): HTMLElement {
  const made = document.createElement(name);
  if (className !== '') made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
