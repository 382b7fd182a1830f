// This file finds the results of builds whose every input is as it was, before
// the engine is even there, and keeps those of builds that were made.

import type { BuildOptions, BuildResult } from './protocol.ts';
import { Answers, digest, hex, joined, kinds, seal, unhex, unseal } from './records.ts';
import type { Digest, Head } from './records.ts';

/** `ways` lead to results, `contents` are those of output files. */
export type Family = 'ways' | 'contents';
/** In the order by which archives name them. */
export const families: Family[] = ['ways', 'contents'];

export interface Entry {
  family: Family;
  key: string;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Where records are. What it loses costs work; what it fails with is nobody's concern. */
export interface RecordStore {
  /** Whether there cannot be anything yet. */
  isNew(): Promise<boolean>;
  get(family: Family, keys: string[]): Promise<(Uint8Array | undefined)[]>;
  commit(writes: Entry[], removals: { family: Family; key: string }[]): Promise<void>;
  usage(): Promise<Map<Family, { records: number; bytes: number }>>;
  keys(family: Family): Promise<string[]>;
  /** Removes what was not used for the longest, until there are so many bytes at most. */
  shrink(maxBytes: number): Promise<void>;
  clear(): Promise<void>;
}

export interface Found {
  result: BuildResult;
  costMs: number;
  bytes: number;
}

/** A search that found nothing: what is to be known to keep the result. */
export interface Missed {
  reason: string;
  key: Digest;
  asked: Set<string>;
  answers: Answers;
}

/** A way has as many steps as there were builds of its request that asked about more than the ones before. */
const mostSteps = 64;
/** A build that is faster is not worth a record. */
const leastCostMs = 20;

const decoder = new TextDecoder();

/** A store with the rules of a cache. */
export class Cache {
  readonly store: RecordStore;
  readonly #engine: string;

  /** `engine` is what it is known by: the results of another are none of its. */
  constructor(store: RecordStore, engine: string) {
    this.store = store;
    this.#engine = engine;
  }

  /** Whether there cannot be anything yet. */
  isNew(): Promise<boolean> {
    return this.store.isNew().catch(() => true);
  }

  /** Searches for the result of a build of the files with these digests. */
  async lookUp(options: BuildOptions, files: ReadonlyMap<string, Promise<Digest>>): Promise<Found | Missed> {
    const answers = new Answers(files);
    const asked = new Set<string>();
    let key = await digest(`nexxo request 2\0${this.#engine}\0`, JSON.stringify(relevant(options)));
    let reason = 'nothing like it was built before';
    let bytes = 0;
    for (let step = 0; step < mostSteps; step += 1) {
      const [found] = await this.#get('ways', [hex(key)]);
      if (found === undefined) break;
      bytes += found.length;
      const body = await unseal(kinds.questions, key, found);
      if (body !== undefined) {
        const questions = decoder.decode(body).split('\0').slice(0, -1);
        const next = await answers.next(key, questions);
        if (next === undefined) break;
        reason = 'a file that it reads is another';
        key = next;
        for (const question of questions) asked.add(question);
        continue;
      }
      const head = await this.#head(key, found);
      if (head === undefined) {
        reason = 'its record is damaged';
        await this.#commit([], [{ family: 'ways', key: hex(key) }]);
        break;
      }
      const whole = await this.#whole(head);
      if (whole === undefined) {
        reason = 'its files are no longer kept whole';
        break;
      }
      return { result: whole.result, costMs: head.costMs, bytes: bytes + whole.bytes };
    }
    return { reason, key, asked, answers };
  }

  /** Keeps what was built, unless that is not worth it. `questions` are all that the build asked. */
  async publish({ key, asked, answers }: Missed, result: BuildResult, questions: string[], costMs: number): Promise<void> {
    // What a search takes on a first visit, when the database is made, says nothing of the next one.
    if (!result.ok || costMs < leastCostMs) return;
    const writes: Entry[] = [];
    const rest = questions.filter((question) => !asked.has(question));
    let end: Digest | undefined = key;
    if (rest.length > 0) {
      end = await answers.next(key, rest);
      writes.push({ family: 'ways', key: hex(key), bytes: await seal(kinds.questions, key, rest.map((question) => `${question}\0`).join('')) });
    }
    if (end === undefined) return;
    const files: Head['files'] = [];
    for (const { contents, ...file } of result.outputFiles) {
      const ownKey = await digest(contents);
      const own = hex(ownKey);
      files.push({ digest: own, ...file, contents: [] });
      writes.push({ family: 'contents', key: own, bytes: await seal(kinds.contents, ownKey, contents) });
    }
    const head: Head = { costMs, files, diagnostics: result.diagnostics, metafile: result.metafile ?? null };
    writes.push({ family: 'ways', key: hex(end), bytes: await seal(kinds.result, end, JSON.stringify(head)) });
    await this.#commit(writes, []);
  }

  async #head(key: Digest, record: Uint8Array): Promise<Head | undefined> {
    const body = await unseal(kinds.result, key, record);
    try {
      return body === undefined ? undefined : (JSON.parse(decoder.decode(body)) as Head);
    } catch {
      return undefined;
    }
  }

  async #whole({ files, diagnostics, metafile }: Head): Promise<{ result: BuildResult; bytes: number } | undefined> {
    const found = await this.#get('contents', files.map((file) => file.digest));
    const outputFiles: BuildResult['outputFiles'] = [];
    const damaged: string[] = [];
    let bytes = 0;
    for (const [at, { digest: own, ...file }] of files.entries()) {
      const record = found[at];
      if (record === undefined) continue;
      bytes += record.length;
      const contents = await unseal(kinds.contents, unhex(own), record);
      if (contents !== undefined && hex(await digest(contents)) === own) outputFiles.push({ ...file, contents: joined([contents]) });
      else damaged.push(own);
    }
    // Only so is there room for ones that are whole.
    if (damaged.length > 0) await this.#commit([], damaged.map((key) => ({ family: 'contents', key })));
    if (outputFiles.length < files.length) return undefined;
    return { result: { ok: true, outputFiles, diagnostics, ...(metafile == null ? {} : { metafile }), stages: [] }, bytes };
  }

  async #get(family: Family, keys: string[]): Promise<(Uint8Array | undefined)[]> {
    try {
      return await this.store.get(family, keys);
    } catch {
      return [];
    }
  }

  async #commit(writes: Entry[], removals: { family: Family; key: string }[]): Promise<void> {
    try {
      await this.store.commit(writes, removals);
    } catch {
      // Then it is made again the next time.
    }
  }
}

/** Whether a result of such a build may be kept. */
export function canBeKept(options: BuildOptions, hooks: readonly unknown[]): boolean {
  return hooks.length === 0 && options.explain !== true;
}

/** Sections of the options, whose fields may be written in any order. */
const sections = ['limits', 'output', 'resolve', 'transform'];

/** What of the options has to do with the result, in one way of writing it: the command writes the same (`crates/nexxo/src/cache.rs`). */
export function relevant(options: BuildOptions): unknown {
  const { explain: _, cwd, ...fields } = options as Record<string, unknown>;
  for (const name of sections) {
    const section = fields[name];
    if (typeof section !== 'object' || section === null || Array.isArray(section)) continue;
    const inner = { ...section } as Record<string, unknown>;
    if (name === 'limits') delete inner['deadlineMs'];
    // Where the files go is no part of them.
    if (name === 'output') delete inner['dir'];
    const sortedInner = sorted(inner);
    fields[name] = Object.keys(sortedInner).length === 0 ? null : sortedInner;
  }
  return sorted(cwd === '/' ? fields : { cwd, ...fields });
}

/** The fields that say something, in the order of their names. */
function sorted(section: Record<string, unknown>): Record<string, unknown> {
  const fields = Object.entries(section).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)));
}
