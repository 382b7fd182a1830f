// This file holds the one error that Nexxo rejects with, and every diagnostic
// that the page's side makes itself; all others come from the engine.

import type { Diagnostic } from './protocol.ts';

/** Why a request has no result. The result of a build that merely has errors is no `NexxoError`. */
export class NexxoError extends Error {
  override readonly name = 'NexxoError';
  /** The diagnostic's code, such as `DEADLINE_EXCEEDED`. */
  readonly code: string;
  readonly diagnostic: Diagnostic;

  constructor(diagnostic: Diagnostic, options?: ErrorOptions) {
    super(diagnostic.message, options);
    this.code = diagnostic.code;
    this.diagnostic = diagnostic;
  }
}

function error(code: string, message: string, hint: string, notes: string[] = []): Diagnostic {
  return { code, severity: 'error', message, hint, notes };
}

export function invalidPath(path: string, problem: string): Diagnostic {
  return error(
    'INVALID_PATH',
    `\`${printable(path)}\` cannot be a path: ${problem}.`,
    "Paths are relative to the project's root, `/`-separated, and stay inside it.",
  );
}

export function invalidContents(path: string): Diagnostic {
  return error(
    'INVALID_CONTENTS',
    `The contents of \`${printable(path)}\` are neither a string nor a \`Uint8Array\`.`,
    'Pass text as a string, and everything else as bytes: `new Uint8Array(buffer)`.',
  );
}

export function unclonableOptions(problem: string): Diagnostic {
  return error(
    'INVALID_OPTION',
    `The options cannot be sent to the worker: ${problem}.`,
    'Options are plain data. Functions belong in `plugins`.',
  );
}

export function invalidPlugin(name: string, problem: string): Diagnostic {
  return error(
    'INVALID_PLUGIN',
    `The plugin \`${printable(name)}\` cannot be used: ${problem}.`,
    'A plugin is `{ name, resolveId?, load?, transform? }`; a hook is a function or `{ filter, handler }`.',
  );
}

export function cancelled(what: string): Diagnostic {
  return error('CANCELLED', `The build was cancelled: ${what} was disposed.`, 'Start it again when needed.');
}

export function superseded(): Diagnostic {
  return error(
    'SUPERSEDED',
    'A newer build took the place of this one before it began.',
    "Use the newer build's result.",
  );
}

export function disposed(what: string): Diagnostic {
  return error('DISPOSED', `${what} was disposed and cannot be used any more.`, 'Create a new one.');
}

export function deadlineExceeded(deadlineMs: number): Diagnostic {
  return error(
    'DEADLINE_EXCEEDED',
    `The engine did not answer within ${deadlineMs} ms and was replaced.`,
    'Build again: the sources are intact. Raise `limits.deadlineMs` for work that is meant to take longer.',
  );
}

export function trapped(problem: string): Diagnostic {
  return error(
    'WORKER_TRAPPED',
    `The engine stopped and was replaced: ${sentence(problem)}`,
    'Build again: the sources are intact. If it stops again, please report it with the smallest input that shows it.',
  );
}

export function outOfMemory(problem: string): Diagnostic {
  return error(
    'OUT_OF_MEMORY',
    `The engine ran out of memory and was replaced: ${sentence(problem)}`,
    'Build again: the sources are intact. Remove large files from the project, or build fewer entries at a time.',
  );
}

export function stackExhausted(problem: string): Diagnostic {
  return error(
    'STACK_EXHAUSTED',
    `A source nests deeper than the stack of this browser goes, and the engine was replaced: ${sentence(problem)}`,
    'Build again: the sources are intact. With `limits.maxNesting` at 100 the build names the file and the place.',
  );
}

export function bystander(diagnostic: Diagnostic): Diagnostic {
  return { ...diagnostic, notes: [...diagnostic.notes, 'Another request in the same worker caused it.'] };
}

export function cacheUnusable(what: string, problem: string): Diagnostic {
  return error('CACHE_UNUSABLE', `${what} cannot be used: ${problem}.`, 'See that it is whole, and that the browser lets this page keep data.');
}

export function wasmUnavailable(from: string, problem: string): Diagnostic {
  return error(
    'WASM_UNAVAILABLE',
    `The engine's WebAssembly could not be started from ${from}: ${sentence(problem)}`,
    "Check that the file is served at that address, or name another with `createNexxo({ wasm })`. A Content-Security-Policy has to allow it: `script-src 'wasm-unsafe-eval'` and, for the address, `connect-src`.",
  );
}

export function workerUnavailable(problem: string): Diagnostic {
  return error(
    'WORKER_UNAVAILABLE',
    `The worker could not be started: ${sentence(problem)}`,
    "Check that `worker.js` is served beside `index.js`, or name another address with `createNexxo({ worker })`. It has to be of the page's own origin, and a Content-Security-Policy has to allow it in `worker-src`.",
  );
}

export function previewUnavailable(origin: string, problem: string): Diagnostic {
  return error(
    'PREVIEW_UNAVAILABLE',
    `The app runs inline, as its preview cannot be served by ${origin}: ${sentence(problem)}`,
    "Check that the package's folder `preview` is served at that origin, that its `index.html` lists this page's origin, and that the browser allows service workers there.",
  );
}

export function inlineUnavailable(address: string): Diagnostic {
  return error(
    'PREVIEW_UNAVAILABLE',
    `The app cannot be shown: nothing answered at ${address}.`,
    "Serve the package's folder `preview` there, or name another address with `createPreview({ inline })`. A Content-Security-Policy has to allow it in `frame-src`.",
  );
}

export function previewFlooded(): Diagnostic {
  return error('PREVIEW_FLOODED', 'The app was stopped: it sent messages or requests without end.', 'Look for a loop that prints, fetches or posts messages, then run it again.');
}

export function uncaught(kind: 'error' | 'rejection', message: string, notes: string[]): Diagnostic {
  const said = message.replace(/^Uncaught /, '');
  return kind === 'error'
    ? error('UNCAUGHT_ERROR', said, 'Nothing caught this error. Correct it at the marked place, or catch it.', notes)
    : error('UNHANDLED_REJECTION', said, 'A promise was rejected and nothing caught that. Await it in a `try`, or add a `catch`.', notes);
}

export function faultUnavailable(): Diagnostic {
  return error('UNSUPPORTED_FEATURE', 'This build of the engine cannot be made to fail on purpose.', 'Build it with the cargo feature `fault`.');
}

export function notOpen(what: string): Diagnostic {
  return error('INTERNAL', `The worker knows no ${what} of this number.`, 'This is a defect of Nexxo. Please report it.');
}

/** What is wrong, of a value that anything may have thrown. */
export function problemOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message;
  if (typeof thrown === 'object' && thrown !== null && 'message' in thrown) return String(thrown.message);
  return String(thrown);
}

function sentence(problem: string): string {
  const text = problem.trim();
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** A path or name as a message can show it: on one line, and not without end. As `printable` in `diagnostic.rs`. */
function printable(text: string): string {
  const short: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  const visible = (part: string): string =>
    part.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => short[c] ?? `\\u{${c.charCodeAt(0).toString(16)}}`);
  const characters = [...text];
  return characters.length > 100 ? `${visible(characters.slice(0, 100).join(''))}…` : visible(text);
}
