// This file finds where in the sources an error came from. It is a file of its
// own in the package, fetched when the first error comes.

import { TraceMap, originalPositionFor, sourceContentFor } from '@jridgewell/trace-mapping';
import { parseStack } from 'error-stack-parser-es/lite';
import { uncaught } from './error.ts';
import type { Uncaught } from './preview-protocol.ts';
import type { Diagnostic, Position } from './protocol.ts';

/** A script by the address that stacks have: its code, and its map where that is a file of its own. */
export type CodeAt = (address: string) => { code: string; map: string | undefined } | undefined;

interface Place {
  file: string;
  line: number;
  column: number;
  name: string | undefined;
  text: string | undefined;
}

/** Lines of a stack that are read, and what of one: the app may have written them. */
const mostFrames = 20;
const longestFrame = 500;

/** Maps that were read, by address: an app that fails tends to fail again. */
const known = new Map<string, { text: string; map: TraceMap | undefined }>();
const mostKnown = 50;

/** The error with its place: the innermost frame that is in the project's own sources, and the way there as notes. */
export function explain(error: Uncaught, codeAt: CodeAt): Diagnostic {
  const stack = error.stack.split('\n').filter((line) => line.length <= longestFrame && /:\d+\)?$/.test(line)).slice(0, mostFrames).join('\n');
  const places = (parseStack(stack, { allowEmpty: true }) ?? []).flatMap(({ file, line, col, function: name }) => {
    if (file === undefined || line === undefined || col === undefined) return [];
    return [placeOf(mapOf(file, codeAt(file)), line, col, name) ?? { file, line, column: col, name, text: undefined }];
  });
  const own = places.find(({ file, text }) => text !== undefined && !file.includes('node_modules/')) ?? places.find(({ text }) => text !== undefined);
  const notes = places.map(({ file, line, column, name }) => `at ${name === undefined || name === '' ? '' : `${name} `}(${file}:${line}:${column})`);
  const diagnostic = uncaught(error.kind, error.message, notes);
  if (own?.text === undefined) return diagnostic;
  const start = positionIn(own.text, own.line, own.column);
  return { ...diagnostic, file: own.file, range: { start, end: start }, frame: frameOf(own.text, start) };
}

function mapOf(address: string, script: ReturnType<CodeAt>): TraceMap | undefined {
  if (script === undefined) return undefined;
  const text = script.map ?? script.code;
  const before = known.get(address);
  if (before?.text === text) return before.map;
  const map = readMap(script);
  known.delete(address);
  known.set(address, { text, map });
  for (const oldest of known.keys()) {
    if (known.size <= mostKnown) break;
    known.delete(oldest);
  }
  return map;
}

function readMap(script: { code: string; map: string | undefined }): TraceMap | undefined {
  try {
    const inline = script.code.lastIndexOf('//# sourceMappingURL=data:');
    const text = script.map ?? (inline < 0 ? undefined : decode(script.code.slice(inline)));
    return text === undefined ? undefined : new TraceMap(text);
  } catch {
    return undefined;
  }
}

function decode(comment: string): string | undefined {
  const base64 = /base64,([\w+/=]+)/.exec(comment)?.[1];
  return base64 === undefined ? undefined : new TextDecoder().decode(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)));
}

function placeOf(map: TraceMap | undefined, line: number, column: number, name: string | undefined): Place | undefined {
  if (map === undefined || line < 1 || column < 1) return undefined;
  const found = originalPositionFor(map, { line, column: column - 1 });
  if (found.source === null) return undefined;
  const file = found.source.replace(/^(?:\.\.?\/|\/)+/, '');
  return { file, line: found.line, column: found.column + 1, name: found.name ?? name, text: sourceContentFor(map, found.source) ?? undefined };
}

function positionIn(text: string, line: number, column: number): Position {
  const before = text.split('\n').slice(0, line - 1);
  const offset = before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1;
  return { line, column, offset: Math.min(offset, text.length) };
}

/** As the engine's own frames: two lines before, one after, and the mark below. */
function frameOf(text: string, { line, column }: Position): string {
  const lines = text.split('\n');
  const [first, last] = [Math.max(1, line - 2), Math.min(lines.length, line + 1)];
  const width = String(last).length;
  const out: string[] = [];
  for (let number = first; number <= last; number += 1) {
    const shown = (lines[number - 1] ?? '').slice(0, 200);
    out.push(`${number === line ? '>' : ' '} ${String(number).padStart(width)} | ${shown}`.trimEnd());
    if (number === line && column <= 200) out.push(`  ${' '.repeat(width)} | ${shown.slice(0, column - 1).replaceAll(/[^\t]/g, ' ')}^`);
  }
  return out.join('\n');
}
