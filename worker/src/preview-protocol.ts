// This file lists the messages between a preview and the page that embeds it.
// Whatever comes from the preview's side may come from the project, which is not
// to be trusted: it is read by the functions at the end, and dropped otherwise.

import type { Diagnostic } from './protocol.ts';

/** From the shell to the page that embeds it, or to the one that opened it: who is there. */
export interface Hello {
  type: 'nexxo:hello';
  /** Of this load of the shell; it was told so in its address. */
  nonce: string;
}

/** The answer, with the port for everything else. */
export interface Welcome {
  type: 'nexxo:welcome';
  nonce: string;
}

/** To a window whose shell was loaded again: it may say hello once more, with this. */
export interface Return {
  type: 'nexxo:return';
  nonce: string;
}

/** From the shell. */
export type FromShell =
  /** Its service worker is there. */
  | { type: 'ready' }
  /** There is none, and will be none. */
  | { type: 'unavailable'; reason: string }
  /** A request of the app's origin, with a port for one `Answer`. */
  | ({ type: 'fetch' } & AppRequest)
  /** A page of the app began to run, with its two ports: for its modules, and for the rest. */
  | { type: 'page'; page: string }
  /** A page was loaded, by whatever way. */
  | { type: 'loaded'; path: string }
  /** The answer to `ping`. */
  | { type: 'pong' };

/** To the shell. */
export type ToShell =
  /** Show this path: as another page that takes the place of the one there is as soon as it is loaded. */
  | { type: 'show'; path: string }
  | { type: 'history'; delta: number }
  /** Whether anything is done at all there. */
  | { type: 'ping' };

export interface AppRequest {
  method: string;
  /** Decoded, from the root of the origin. */
  path: string;
  /** Whether a page is asked for, not something within one. */
  isNavigation: boolean;
}

/** What a request is answered with. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Blob | string;
}

/** To the frame that runs an app without a service worker: once, when it is there. With the page's two ports. */
export interface RunMessage {
  type: 'nexxo:run';
  nonce: string;
  page: string;
  /** The project's own page, if it has one. */
  html: string | undefined;
  scripts: Script[];
}

/** A chunk of the output, whose imports of other chunks go by `chunkSpecifier`. */
export interface Script {
  fileName: string;
  code: string;
  /** The source file that a page may name instead. */
  source: string | undefined;
  isEntry: boolean;
}

export type Level = 'log' | 'info' | 'warn' | 'error' | 'debug';

export interface Line {
  level: Level;
  text: string;
}

/** An error that nobody caught, as the app's page saw it. */
export interface Uncaught {
  kind: 'error' | 'rejection';
  message: string;
  stack: string;
}

/** From a page of the app, by its second port. */
export type FromApp =
  /** Its scripts have run, or failed to. */
  | { type: 'ran' }
  | { type: 'print'; lines: Line[] }
  | { type: 'uncaught'; error: Uncaught }
  | { type: 'location'; path: string; title: string }
  /** A place in a source was chosen in the overlay. */
  | { type: 'open'; file: string; line: number; column: number };

/** To a page of the app. */
export type ToApp = { type: 'show'; diagnostics: Diagnostic[] };

/** Beyond this a project that prints without end is no longer listened to. */
export const mostLines = 5_000;
/** Of one line, in UTF-16 units. */
export const longestLine = 20_000;

const levels: readonly unknown[] = ['log', 'info', 'warn', 'error', 'debug'] satisfies Level[];

export function isFromShell(data: unknown): data is FromShell {
  const { type, reason, method, path, isNavigation, page } = fieldsOf(data);
  switch (type) {
    case 'ready':
    case 'pong':
      return true;
    case 'unavailable':
      return isText(reason);
    case 'fetch':
      return isText(method) && isText(path) && typeof isNavigation === 'boolean';
    case 'page':
      return isText(page);
    case 'loaded':
      return isText(path);
    default:
      return false;
  }
}

export function isFromApp(data: unknown): data is FromApp {
  const { type, lines, error, path, title, file, line, column } = fieldsOf(data);
  switch (type) {
    case 'ran':
      return true;
    case 'print':
      return Array.isArray(lines) && lines.length <= mostLines && lines.every(isLine);
    case 'uncaught': {
      const { kind, message, stack } = fieldsOf(error);
      return (kind === 'error' || kind === 'rejection') && isText(message) && isText(stack);
    }
    case 'location':
      return isText(path) && isText(title);
    case 'open':
      return isText(file) && typeof line === 'number' && typeof column === 'number';
    default:
      return false;
  }
}

function isLine(data: unknown): boolean {
  const { level, text } = fieldsOf(data);
  return isText(text) && levels.includes(level);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestLine;
}

/** What came through a port is a copy without getters; what is no object has no fields. */
function fieldsOf(data: unknown): Record<string, unknown> {
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
}

/** What a chunk is imported by where there is no service worker; an import map leads on to its blob. */
export function chunkSpecifier(fileName: string): string {
  return `nexxo-chunk/${fileName}`;
}
