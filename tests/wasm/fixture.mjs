// This file reads the text fixtures of `tests/specs` and `tests/projects`, as
// `tests/src/fixture.rs` does, and says what a result of the package looks like
// in one.

import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const noNewline = '\\ no newline at end';
const longestText = 6_000;

/** The paths of all fixtures in a folder, sorted. */
export function fixturesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : fixturesIn(path);
      return entry.name.endsWith('.txt') ? [path] : [];
    })
    .sort();
}

export function readFixture(path) {
  const text = readFileSync(path, 'utf8');
  const split = text.startsWith('=== ') ? 0 : text.indexOf('\n=== ') + 1 || text.length;
  const fixture = { options: null, transform: undefined, steps: [[]], expected: sections('=== ', text.slice(split)) };
  for (const section of sections('--- ', text.slice(0, split))) readDirective(fixture, section, path);
  return fixture;
}

function readDirective(fixture, { header, body }, path) {
  const [, word, rest] = /^(\S*) ?(.*)$/.exec(header);
  const edits = fixture.steps.at(-1);
  const write = (name, contents) => edits.push({ path: name.startsWith('"') ? JSON.parse(name) : name, contents });
  switch (word) {
    case '@options':
      fixture.options = JSON.parse(body);
      return;
    case '@transform':
      fixture.transform = JSON.parse(body);
      return;
    case '@run':
    case '@says':
      return;
    case '@step':
      fixture.steps.push([]);
      return;
    case '@remove':
      edits.push({ path: rest });
      return;
    case '@base64':
      write(rest, new Uint8Array(Buffer.from(body, 'base64')));
      return;
    case '@string':
      write(rest, bytesOf(body.split('\n').filter(Boolean).map((line) => JSON.parse(line)).join('')));
      return;
    case '@repeat':
      write(rest, bytesOf(JSON.parse(body).map(([unit, times]) => unit.repeat(times)).join('')));
      return;
    case '@each': {
      const [count, pattern] = rest.split(' ');
      for (let index = 0; index < Number(count); index++) {
        const numbered = (text) => text.replaceAll('%%', index + 1).replaceAll('%', index);
        edits.push({ path: numbered(pattern), contents: bytesOf(numbered(body)) });
      }
      return;
    }
    case '@packages':
      for (const file of packageFiles(join(dirname(path), 'node_modules'), body.split(/\s+/).filter(Boolean))) edits.push(file);
      return;
    case '@from':
      edits.push(...readFixture(join(dirname(path), rest)).steps.flat());
      return;
    default:
      if (word.startsWith('@') && !word.includes('/')) throw new Error(`there is no directive ${word}`);
      write(header, bytesOf(body));
  }
}

/** Bytes whatever the text: a lone surrogate would not survive as text. */
function bytesOf(text) {
  return new TextEncoder().encode(text);
}

function sections(mark, text) {
  const found = [];
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    const last = found.at(-1);
    if (line.startsWith(mark)) found.push({ header: line.slice(mark.length).replace(/\n$/, ''), body: '' });
    else if (last === undefined) continue;
    else if (line.replace(/\n$/, '') === noNewline) last.body = last.body.slice(0, -1);
    else last.body += line.startsWith('\\') ? line.slice(1) : line;
  }
  return found;
}

const skipped = ['.d.ts', '.d.mts', '.d.cts', '.map', '.md', '.flow', '.html'];

/** The files of packages and of all that they depend on, as `tests/src/packages.rs` finds them. */
function packageFiles(nodeModules, names) {
  if (!existsSync(nodeModules)) throw new Error(`${nodeModules} is missing. Run \`npm ci\` in its parent.`);
  const files = [];
  const seen = new Set();
  const waiting = [...names];
  const readFolder = (folder, shown) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const name = `${shown}/${entry.name}`;
      if (entry.name.startsWith('.')) continue;
      if (entry.isDirectory()) readFolder(path, name);
      else if (entry.isFile() && !skipped.some((end) => entry.name.endsWith(end))) {
        const contents = readFileSync(path);
        // A copy of its own: small buffers share one, and are sent away.
        files.push({ path: name, contents: new Uint8Array(contents) });
        if (entry.name !== 'package.json') continue;
        try {
          const { dependencies, peerDependencies } = JSON.parse(contents.toString());
          waiting.push(...Object.keys({ ...dependencies, ...peerDependencies }));
        } catch {
          // Some packages test with broken ones.
        }
      }
    }
  };
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    if (seen.has(name) || !existsSync(join(nodeModules, name))) continue;
    seen.add(name);
    readFolder(join(nodeModules, name), `node_modules/${name}`);
  }
  return files;
}

/** What a fixture records of a result, by header. Maps are described in Rust; here their bytes are compared. */
export function sectionsOf({ result, events }, fixture) {
  const found = new Map();
  const { diagnostics } = result;
  if (diagnostics.length > 0) {
    const told = diagnostics.map((diagnostic) => `${formatDiagnostic(diagnostic)}\n`).join('\n');
    found.set('diagnostics', recorded(bytesOf(told)));
  }
  if (fixture.transform !== undefined) {
    if (result.ok) found.set('code', recorded(bytesOf(result.code)));
    if (result.map !== undefined) found.set('map code', `sha256 ${sha256(bytesOf(result.map))}\n`);
    return found;
  }
  for (const file of result.outputFiles) {
    if (file.type === 'sourcemap') found.set(`map ${file.fileName}`, `sha256 ${sha256(file.contents)}\n`);
    else found.set(`output ${file.fileName}`, recorded(file.contents));
  }
  const wants = (header) => fixture.expected.some((section) => section.header === header);
  if (wants('files')) found.set('files', result.outputFiles.map((file) => `${facts(file)}\n`).join(''));
  if (result.metafile !== undefined && result.metafile !== null) found.set('metafile', `${JSON.stringify(result.metafile, null, 2)}\n`);
  if (fixture.options?.explain === true) found.set('events', events.map((event) => `${JSON.stringify({ ...event, durationMs: undefined })}\n`).join(''));
  return found;
}

/** What a fixture expects, by header, as far as `sectionsOf` can tell. */
export function expectedOf(fixture) {
  const expected = new Map();
  for (const { header, body } of fixture.expected) {
    if (header === 'run') continue;
    if (header.startsWith('map ')) {
      const file = header.slice(4);
      // The map within a file is part of the file's bytes.
      if (file.endsWith('.map') || file === 'code') expected.set(header, /^sha256 .*\n/m.exec(body)?.[0]);
    } else {
      expected.set(header, body);
    }
  }
  return expected;
}

export function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function recorded(bytes) {
  let text;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not text: recorded by hash.
  }
  if (text === undefined || bytes.length > longestText) return `@sha256 ${sha256(bytes)} of ${bytes.length} bytes\n`;
  const odd = /[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]/;
  if (odd.test(text) || text.startsWith('@sha256')) {
    const escape = (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
    return `@string ${JSON.stringify(text).replace(new RegExp(odd, 'g'), escape)}\n`;
  }
  return text;
}

function facts(file) {
  let line = `${file.type} ${file.fileName} ${file.contents.length} bytes ${sha256(file.contents).slice(0, 16)}`;
  if (file.name !== undefined) line += ` name=${file.name}`;
  if (file.isEntry) line += ' entry';
  if (file.isDynamicEntry) line += ' dynamic-entry';
  if (file.facadeModuleId !== undefined) line += ` facade=${file.facadeModuleId}`;
  for (const [key, list] of Object.entries({
    imports: file.imports,
    'dynamic-imports': file.dynamicImports,
    exports: file.exports,
    modules: file.moduleIds,
  })) {
    if (list.length > 0) line += ` ${key}=${list.join(',')}`;
  }
  return line;
}

/** As `nexxo::diagnostic::format` does. */
function formatDiagnostic({ code, severity, message, file, range, frame, hint, notes }) {
  const lines = [`${severity} ${code}: ${message}`];
  if (file !== undefined) lines.push(`  --> ${file}${range === undefined ? '' : `:${range.start.line}:${range.start.column}`}`);
  if (frame !== undefined) lines.push(frame);
  for (const note of notes) lines.push(`  note: ${note.replaceAll('\n', '\n    ')}`);
  if (hint !== undefined) lines.push(`  hint: ${hint}`);
  return lines.join('\n');
}
