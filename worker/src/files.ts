// This file keeps a project's sources on the page's side, where they outlive
// every worker. Its rules for paths are those of `crates/nexxo/src/snapshot.rs`.

import { NexxoError, invalidContents, invalidPath } from './error.ts';

/** What a file holds: text, or bytes. */
export type Contents = string | Uint8Array;

const encoder = new TextEncoder();

/** Brings a path to the one form that Nexxo uses: from `/`, without `.`, `..` and empty segments. */
export function normalizePath(path: string): string {
  if (typeof path !== 'string') throw refusal(String(path), 'it is not a string');
  if (path === '') throw refusal(path, 'it is empty');
  if (path.includes('\0')) throw refusal(path, 'it has a NUL character');
  if (path.includes('\\')) throw refusal(path, 'it has a backslash');
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') continue;
    if (segment === '..') {
      if (segments.pop() === undefined) throw refusal(path, "it leaves the project's root");
    } else if (segment.length > 85 && encoder.encode(segment).length > 255) {
      // Up to 85 UTF-16 code units are at most 255 bytes, and need no encoding to know it.
      throw refusal(path, 'a segment is longer than 255 bytes');
    } else {
      segments.push(segment);
    }
  }
  return `/${segments.join('/')}`;
}

/** A tree of files by normalised path. Folders exist as long as they hold a file. */
export class Files {
  readonly #contents = new Map<string, Contents>();
  /** Every folder, with the number of files anywhere below it. */
  readonly #folders = new Map<string, number>();

  /** Creates or replaces a file, and gives its normalised path. */
  write(path: string, contents: Contents): string {
    const normal = normalizePath(path);
    if (typeof contents !== 'string' && !(contents instanceof Uint8Array)) {
      throw new NexxoError(invalidContents(path));
    }
    if (!this.#contents.has(normal)) {
      if (normal === '/' || this.#folders.has(normal)) throw refusal(path, 'it names a folder');
      const folders = foldersOf(normal);
      const file = folders.find((folder) => this.#contents.has(folder));
      if (file !== undefined) throw refusal(path, `\`${file.slice(1)}\` is a file`);
      for (const folder of folders) this.#folders.set(folder, (this.#folders.get(folder) ?? 0) + 1);
    }
    this.#contents.set(normal, contents);
    return normal;
  }

  read(path: string): Contents | undefined {
    return this.#contents.get(normalizePath(path));
  }

  /** Removes a file, or a folder with all below it, and gives the paths of the files that are gone. */
  remove(path: string): string[] {
    const paths = this.at(path);
    for (const file of paths) {
      this.#contents.delete(file);
      for (const folder of foldersOf(file)) {
        const left = (this.#folders.get(folder) ?? 0) - 1;
        if (left > 0) this.#folders.set(folder, left);
        else this.#folders.delete(folder);
      }
    }
    return paths;
  }

  /** The files that a path stands for: itself, or all below it. */
  at(path: string): string[] {
    const normal = normalizePath(path);
    if (this.#contents.has(normal)) return [normal];
    if (normal !== '/' && !this.#folders.has(normal)) return [];
    const below = normal === '/' ? '/' : `${normal}/`;
    return [...this.#contents.keys()].filter((file) => file.startsWith(below));
  }

  /** The contents at a path that is normalised already. */
  get(normal: string): Contents | undefined {
    return this.#contents.get(normal);
  }

  paths(): string[] {
    return [...this.#contents.keys()];
  }
}

/** The folders that a file is in, the root left out. */
function foldersOf(normal: string): string[] {
  const folders: string[] = [];
  for (let at = normal.indexOf('/', 1); at !== -1; at = normal.indexOf('/', at + 1)) {
    folders.push(normal.slice(0, at));
  }
  return folders;
}

function refusal(path: string, problem: string): NexxoError {
  return new NexxoError(invalidPath(path, problem));
}
