// This file makes chunks ready to run from blobs. A blob has no folder, so a
// relative import between chunks leads nowhere there.

import { chunkSpecifier } from './preview-protocol.ts';
import type { Script } from './preview-protocol.ts';
import type { OutputFile } from './project.ts';

/** The output's chunks with the imports among them renamed for the frame's import map. */
export function runnable(files: OutputFile[]): Script[] {
  return files
    .filter(({ type }) => type === 'chunk')
    .map((file) => ({
      fileName: file.fileName,
      code: withRenamedImports(file),
      source: file.facadeModuleId,
      isEntry: file.isEntry,
    }));
}

/**
 * The engine says which chunks a chunk imports, so only strings that are exactly
 * one of these are replaced; a text of the project's own that equals the name of
 * one of its chunks would be replaced too.
 */
function withRenamedImports(file: OutputFile): string {
  let code = file.text;
  for (const imported of new Set([...file.imports, ...file.dynamicImports])) {
    const relative = relativeSpecifier(file.fileName, imported);
    for (const quote of ['"', "'", '`']) {
      code = code.replaceAll(`${quote}${relative}${quote}`, `${quote}${chunkSpecifier(imported)}${quote}`);
    }
  }
  return code;
}

/** `./b.js` from `a.js`, `../b.js` from `x/a.js`. */
function relativeSpecifier(from: string, to: string): string {
  const [source, target] = [from.split('/').slice(0, -1), to.split('/')];
  let shared = 0;
  while (shared < source.length && shared < target.length - 1 && source[shared] === target[shared]) shared += 1;
  const up = '../'.repeat(source.length - shared);
  return `${up === '' ? './' : up}${target.slice(shared).join('/')}`;
}
