// This file finds the package that the tests are about: the packed one that
// `cargo xtask test` names, or the one in `pkg/`.

import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const packageDir = process.env.NEXXO_PKG_DIR
  ? resolve(process.env.NEXXO_PKG_DIR)
  : fileURLToPath(new URL('../../pkg/', import.meta.url));

/** Imports one of the package's files by name. */
export function importFile(name) {
  return import(pathToFileURL(`${packageDir}/${name}`).href);
}

/** Breaks the instance on purpose: `trap`, `memory` or `hang`. */
export const fault = Symbol.for('nexxo.fault');
