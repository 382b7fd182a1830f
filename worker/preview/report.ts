// This file tells the page that embeds a preview what its app prints and fails
// with, and shows over the app what is wrong. It runs before the app does, and
// takes what it needs of the browser then: the app may change it afterwards.

import { hideOverlay, showOverlay } from '../../crates/nexxo/hmr/overlay.ts';
import { longestLine, mostLines } from '../src/preview-protocol.ts';
import type { FromApp, Level, Line, ToApp } from '../src/preview-protocol.ts';
import type { FromPage, ToPage } from '../src/protocol.ts';

const mostPending = 200;
const { setTimeout } = globalThis;
const post = MessagePort.prototype.postMessage;

/** What reports go to; kept until it is there. */
let port: MessagePort | undefined;
let waiting: FromApp[] = [];
let printed = 0;
let pending: Line[] = [];

/** Listens to the console, and to errors that nobody catches. */
export function listen(): void {
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    const own = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      own(...values);
      // By hand: an app may have bent what arrays can do.
      let text = '';
      for (let at = 0; at < values.length; at += 1) text += (at === 0 ? '' : ' ') + textOf(values[at]);
      print(level, text);
    };
  }
  addEventListener('error', ({ error, message, filename, lineno, colno }) => {
    // What failed to load is an event without a message, and the app's own matter.
    if (message === undefined) return;
    const stack = error instanceof Error ? stackOf(error) : `${message}\n    at ${filename}:${lineno}:${colno}`;
    tell({ type: 'uncaught', error: { kind: 'error', message: cut(error instanceof Error ? String(error) : message), stack: cut(stack) } });
  });
  addEventListener('unhandledrejection', ({ reason }) => {
    const isError = reason instanceof Error;
    tell({ type: 'uncaught', error: { kind: 'rejection', message: cut(isError ? String(reason) : textOf(reason)), stack: cut(isError ? stackOf(reason) : '') } });
  });
}

/** Reports go to this port from now on. */
export function reportTo(target: MessagePort): void {
  port = target;
  port.onmessage = ({ data }: MessageEvent<ToApp>) => {
    if (data.type === 'show') overlay(data.diagnostics);
  };
  for (const message of waiting.splice(0)) post.call(port, message);
  flush();
}

/** Where the client of hot module replacement, which is part of the app's output, finds the engine. */
export function connect(modules: MessagePort, reload: () => void): void {
  (globalThis as { __nexxo_hmr__?: unknown }).__nexxo_hmr__ = {
    send: (message: FromPage) => post.call(modules, message),
    listen(receive: (message: ToPage) => void) {
      modules.onmessage = ({ data }: MessageEvent<ToPage>) => {
        if (data.type === 'error') overlay(data.diagnostics);
        else if (data.type === 'update') hideOverlay();
        receive(data);
      };
    },
    reload,
  };
}

export function tell(message: FromApp): void {
  if (port !== undefined) post.call(port, message);
  else if (waiting.length < mostPending) waiting.push(message);
}

export function print(level: Level, text: string): void {
  if (printed > mostLines) return;
  printed += 1;
  const line: Line =
    printed > mostLines
      ? { level: 'warn', text: `The project has printed ${mostLines} lines. The rest is in the browser's console.` }
      : { level, text: cut(text) };
  if (pending.push(line) === 1) setTimeout(flush, 30);
  else if (pending.length >= mostPending) flush();
}

export function flush(): void {
  if (pending.length === 0 || port === undefined) return;
  tell({ type: 'print', lines: pending });
  pending = [];
}

function overlay(diagnostics: Parameters<typeof showOverlay>[0]): void {
  if (diagnostics.length === 0) hideOverlay();
  else showOverlay(diagnostics, { open: ({ file, line, column }) => tell({ type: 'open', file, line, column }) });
}

function cut(text: string): string {
  return text.slice(0, longestLine);
}

function stackOf(error: Error): string {
  const stack = String(error.stack ?? '');
  return stack.includes(error.message) ? stack : `${String(error)}\n${stack}`;
}

/** A value as a line of text: what a reader of a console expects, and not without end. */
export function textOf(value: unknown, depth = 0, seen: unknown[] = []): string {
  if (typeof value === 'string') return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[function ${value.name || 'anonymous'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    if (value instanceof Error) return stackOf(value);
    if (value instanceof Element) return `<${value.tagName.toLowerCase()}>`;
    if (value instanceof Date || value instanceof RegExp) return String(value);
    if (seen.includes(value)) return '[circular]';
    const below = [...seen, value];
    if (Array.isArray(value)) {
      if (depth > 2) return `[array of ${value.length}]`;
      const items = value.slice(0, 100).map((item) => textOf(item, depth + 1, below));
      return `[${items.join(', ')}${value.length > 100 ? ', …' : ''}]`;
    }
    if (value instanceof Map) return `Map ${textOf([...value], depth, below)}`;
    if (value instanceof Set) return `Set ${textOf([...value], depth, below)}`;
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? '';
    const label = name === '' || name === 'Object' ? '' : `${name} `;
    if (depth > 2) return `${label}{…}`;
    const entries = Object.entries(value).slice(0, 50);
    const pairs = entries.map(([key, item]) => `${key}: ${textOf(item, depth + 1, below)}`);
    return pairs.length === 0 ? `${label}{}` : `${label}{ ${pairs.join(', ')} }`;
  } catch {
    // A getter or a proxy of the project's may throw at any place.
    return '[object]';
  }
}
