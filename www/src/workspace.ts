// This file holds the project as the page shows it: files that can be edited,
// and packages that can only be read. What is edited survives a reload.

import { Topic } from './topic.ts';

/** An example as `build.mjs` packs it: text files by path. */
export interface Example {
  name: string;
  /** The file that is shown first. */
  open: string;
  files: Record<string, string>;
  /** The files of the packages, which live in `node_modules`. */
  packages: Record<string, string>;
}

/** What changed, for those who keep a copy. `undefined` is a file that is gone. */
export interface Change {
  path: string;
  contents: string | undefined;
}

/** Where the edits are kept: as long as the tab lives, and in no other tab. */
const storageKey = 'nexxo.edits';

/** Why a path cannot be used, as a sentence. */
export class PathProblem extends Error {}

export class Workspace {
  readonly example: Example;
  /** The paths of all files, sorted; a new list whenever a file comes or goes. */
  readonly paths = new Topic<string[]>([]);
  readonly #files: Map<string, string>;
  readonly #listeners = new Set<(changes: Change[]) => void>();
  #saving: ReturnType<typeof setTimeout> | undefined;

  constructor(example: Example) {
    this.example = example;
    this.#files = new Map(Object.entries(example.files));
    for (const [path, contents] of Object.entries(storedEdits(example.name))) {
      if (contents === null) this.#files.delete(path);
      else this.#files.set(path, contents);
    }
    addEventListener('pagehide', () => this.#save());
    this.#updatePaths();
  }

  /** Calls the listener with every change to come. */
  onChange(listener: (changes: Change[]) => void): void {
    this.#listeners.add(listener);
  }

  read(path: string): string | undefined {
    return this.#files.get(path) ?? this.example.packages[path];
  }

  isReadOnly(path: string): boolean {
    return !this.#files.has(path) && (path in this.example.packages || path.split('/').includes('node_modules'));
  }

  /** Everything, as the engine wants it. */
  all(): Record<string, string> {
    return { ...this.example.packages, ...Object.fromEntries(this.#files) };
  }

  write(path: string, contents: string): void {
    if (this.#files.get(path) === contents) return;
    this.#apply([{ path, contents }]);
  }

  /** Creates an empty file and gives its path. */
  create(path: string): string {
    const normal = this.#freePath(path);
    this.#apply([{ path: normal, contents: '' }]);
    return normal;
  }

  /** Moves a file, or a folder with all below it, and gives the new path. */
  rename(from: string, to: string): string {
    const moved = this.#below(from);
    const normal = this.#freePath(to, moved);
    if (normal === from) return from;
    if (normal.startsWith(`${from}/`) && !this.#files.has(from)) {
      throw new PathProblem('A folder cannot move into itself.');
    }
    const changes: Change[] = [];
    for (const path of moved) changes.push({ path, contents: undefined });
    for (const path of moved) changes.push({ path: normal + path.slice(from.length), contents: this.#files.get(path) });
    this.#apply(changes);
    return normal;
  }

  /** Removes a file, or a folder with all below it. */
  remove(path: string): void {
    this.#apply(this.#below(path).map((file) => ({ path: file, contents: undefined })));
  }

  /** Whether anything differs from the example. */
  isEdited(): boolean {
    return Object.keys(this.#edits()).length > 0;
  }

  /** Brings the example back. */
  reset(): void {
    const changes: Change[] = [];
    for (const path of this.#files.keys()) {
      if (this.example.files[path] === undefined) changes.push({ path, contents: undefined });
    }
    for (const [path, contents] of Object.entries(this.example.files)) {
      if (this.#files.get(path) !== contents) changes.push({ path, contents });
    }
    this.#apply(changes);
  }

  #apply(changes: Change[]): void {
    if (changes.length === 0) return;
    const before = this.#files.size;
    let moved = false;
    for (const { path, contents } of changes) {
      if (contents === undefined) moved = this.#files.delete(path) || moved;
      else {
        moved ||= !this.#files.has(path);
        this.#files.set(path, contents);
      }
    }
    if (moved || this.#files.size !== before) this.#updatePaths();
    for (const listener of this.#listeners) listener(changes);
    clearTimeout(this.#saving);
    this.#saving = setTimeout(() => this.#save(), 300);
  }

  #updatePaths(): void {
    this.paths.value = [...this.#files.keys(), ...Object.keys(this.example.packages)].sort();
  }

  #below(path: string): string[] {
    if (this.#files.has(path)) return [path];
    return [...this.#files.keys()].filter((file) => file.startsWith(`${path}/`));
  }

  /** The path in its one form, if a file can be put there. `leaving` are files that make room. */
  #freePath(path: string, leaving: string[] = []): string {
    const segments = path.trim().replace(/^\/+/, '').split('/');
    if (segments.some((segment) => segment === '')) throw new PathProblem('A name is missing.');
    if (segments.some((segment) => segment === '.' || segment === '..')) {
      throw new PathProblem('A path has no `.` and no `..`.');
    }
    if (/[\\\u0000-\u001f\u007f]/.test(path)) throw new PathProblem('A path has no backslash and no control character.');
    if (segments[0] === 'node_modules') throw new PathProblem('Packages cannot be changed here.');
    const normal = segments.join('/');
    const taken = [...this.#files.keys()].filter((file) => !leaving.includes(file));
    for (const file of taken) {
      if (file === normal) throw new PathProblem(`There is a file \`${normal}\` already.`);
      if (file.startsWith(`${normal}/`)) throw new PathProblem(`There is a folder \`${normal}\` already.`);
      if (normal.startsWith(`${file}/`)) throw new PathProblem(`\`${file}\` is a file, not a folder.`);
    }
    return normal;
  }

  #edits(): Record<string, string | null> {
    const edits: Record<string, string | null> = {};
    for (const [path, contents] of this.#files) {
      if (this.example.files[path] !== contents) edits[path] = contents;
    }
    for (const path of Object.keys(this.example.files)) {
      if (!this.#files.has(path)) edits[path] = null;
    }
    return edits;
  }

  #save(): void {
    clearTimeout(this.#saving);
    try {
      if (this.isEdited()) {
        sessionStorage.setItem(storageKey, JSON.stringify({ example: this.example.name, edits: this.#edits() }));
      } else {
        sessionStorage.removeItem(storageKey);
      }
    } catch {
      // Storage may be full or switched off. The edits then live as long as the page.
    }
  }
}

function storedEdits(example: string): Record<string, string | null> {
  try {
    const stored: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? 'null');
    if (typeof stored !== 'object' || stored === null || !('edits' in stored) || !('example' in stored)) return {};
    return stored.example === example ? (stored.edits as Record<string, string | null>) : {};
  } catch {
    return {};
  }
}
