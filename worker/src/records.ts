// This file reads and writes the cache's records, which are the same in a tab
// and on a disk: `crates/nexxo/src/cache` has them in Rust, docs/design/cache.md
// explains them.

import type { BuildResult } from './protocol.ts';

/** SHA-256 of something. */
export type Digest = Uint8Array<ArrayBuffer>;

/** What a record is. */
export const kinds = { questions: 1, result: 2, contents: 3 } as const;

const encoder = new TextEncoder();
const magic = encoder.encode('nxr1');
const headBytes = 32;

/** SHA-256 over the parts one after the other. */
export async function digest(...parts: (Uint8Array | string)[]): Promise<Digest> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined(parts)));
}

export function joined(parts: (Uint8Array | string)[]): Uint8Array<ArrayBuffer> {
  const pieces = parts.map((part) => (typeof part === 'string' ? encoder.encode(part) : part));
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

export function hex(key: Uint8Array): string {
  return Array.from(key, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export function unhex(text: string): Digest {
  return Uint8Array.from({ length: text.length >> 1 }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** A record with this body. */
export async function seal(kind: number, key: Uint8Array, body: Uint8Array | string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = joined([new Uint8Array(headBytes), body]);
  bytes.set(magic);
  bytes[4] = kind;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, BigInt(bytes.length - headBytes), true);
  bytes.set((await digest(Uint8Array.of(kind), key, bytes.subarray(headBytes))).subarray(0, 16), 16);
  return bytes;
}

/** The body of a record of this kind and key; nothing where it is of another, of another version, or not as it was written. */
export async function unseal(kind: number, key: Uint8Array, bytes: Uint8Array): Promise<Uint8Array | undefined> {
  if (bytes.length < headBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const body = bytes.subarray(headBytes);
  const isOurs = same(bytes.subarray(0, 4), magic) && bytes[4] === kind && bytes[5] === 0 && bytes[6] === 0 && bytes[7] === 0;
  if (!isOurs || view.getBigUint64(8, true) !== BigInt(body.length)) return undefined;
  const check = await digest(Uint8Array.of(kind), key, body);
  return same(check.subarray(0, 16), bytes.subarray(16, headBytes)) ? body : undefined;
}

export function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

/** A result without its files' contents, which have keys of their own. */
export interface Head {
  costMs: number;
  files: (Omit<BuildResult['outputFiles'][number], 'contents'> & { digest: string; contents: [] })[];
  diagnostics: BuildResult['diagnostics'];
  metafile: Exclude<BuildResult['metafile'], undefined> | null;
}

/** A project's files as questions about them are answered. */
export class Answers {
  readonly #files: ReadonlyMap<string, Promise<Digest>>;
  /** Every folder with the paths in it. */
  readonly #folders = new Map<string, Set<string>>();

  constructor(files: ReadonlyMap<string, Promise<Digest>>) {
    this.#files = files;
    for (const path of files.keys()) {
      for (let child = path; child !== '/'; ) {
        const parent = child.slice(0, child.lastIndexOf('/')) || '/';
        const known = this.#folders.get(parent);
        if (known === undefined) this.#folders.set(parent, new Set([child]));
        else known.add(child);
        if (known !== undefined) break;
        child = parent;
      }
    }
  }

  /** Where the way leads from a key; nowhere where a question is not known. */
  async next(key: Digest, questions: string[]): Promise<Digest | undefined> {
    const parts: (Uint8Array | string)[] = ['nexxo answers 1\0', key];
    for (const question of questions) {
      const answer = await this.#answer(question[0], question.slice(1));
      if (answer === undefined) return undefined;
      parts.push(`${question}\0`, answer);
    }
    return digest(...parts);
  }

  async #answer(kind: string | undefined, asked: string): Promise<Uint8Array | undefined> {
    const path = normal(asked);
    const file = path === undefined ? undefined : this.#files.get(path);
    const isFolder = path !== undefined && (path === '/' || this.#folders.has(path));
    const missing = failed('NotFound');
    switch (kind) {
      case 'r':
        return file ?? (path !== undefined && this.#folders.has(path) ? failed('IsADirectory') : missing);
      case 'm':
      case 'l':
        if (file !== undefined) return short('?', [1, 0, 0]);
        return isFolder ? short('?', [0, 1, 0]) : missing;
      case 'k':
        return failed('InvalidInput');
      case 'c':
        return path !== undefined && (file !== undefined || isFolder) ? named([path]) : missing;
      case 'd': {
        const paths = path === undefined ? undefined : this.#folders.get(path);
        return paths === undefined ? missing : named([...paths].sort(byBytes));
      }
      default:
        return undefined;
    }
  }
}

function failed(kind: string): Uint8Array {
  return short('!', encoder.encode(kind));
}

/** Answers of all kinds have one length, so that none runs into the next. */
function short(mark: string, rest: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(32);
  bytes[0] = mark.charCodeAt(0);
  bytes.set(rest, 1);
  return bytes;
}

function named(paths: string[]): Promise<Digest> {
  return digest('nexxo names 1\0', ...paths.map((path) => `${path}\0`));
}

/** As the engine brings paths to one form; nothing for one that leaves the root. */
function normal(path: string): string | undefined {
  if (path.startsWith('/') && !path.endsWith('/') && !path.includes('/.') && !path.includes('//')) return path;
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') {
      if (segments.pop() === undefined) return undefined;
    } else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/** Sorts as UTF-8 does, and not by halves of characters. */
function byBytes(one: string, other: string): number {
  const [a, b] = [encoder.encode(one), encoder.encode(other)];
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) return (a[at] ?? 0) - (b[at] ?? 0);
  return a.length - b.length;
}
