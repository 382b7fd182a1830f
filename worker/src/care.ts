// This file looks after what is kept between visits: the worker's side of
// `nexxo.cache`, which is `nexxo cache` of the command.

import { families } from './cache.ts';
import type { Entry, Family, RecordStore } from './cache.ts';
import type { CacheStat, CareAction } from './protocol.ts';
import { digest, hex, joined, kinds, unhex, unseal } from './records.ts';

/** As the command writes them: after this, for each record its family's place, its key, its length and its bytes. */
const archiveMagic = new TextEncoder().encode('nxarch1\n');
const headBytes = 41;
/** So many records at a time are in memory. */
const batchSize = 64;

/** Does what is asked for; throws a sentence where an archive is none. */
export async function care(store: RecordStore, action: CareAction): Promise<unknown> {
  switch (action.do) {
    case 'stat':
      return stat(store);
    case 'verify':
      return verify(store);
    case 'gc':
      return freed(store, () => store.shrink(action.maxBytes));
    case 'clear':
      return freed(store, () => store.clear());
    case 'export':
      return exported(store);
    case 'import':
      return { records: await imported(store, action.archive) };
  }
}

async function stat(store: RecordStore): Promise<Pick<CacheStat, 'bytes' | 'families'>> {
  const usage = await store.usage();
  const all = families.map((name) => ({ name, ...(usage.get(name) ?? { records: 0, bytes: 0 }) }));
  return { bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), families: all };
}

async function freed(store: RecordStore, work: () => Promise<void>): Promise<{ freedBytes: number; leftBytes: number }> {
  const before = await stat(store);
  await work();
  const after = await stat(store);
  return { freedBytes: Math.max(before.bytes - after.bytes, 0), leftBytes: after.bytes };
}

async function verify(store: RecordStore): Promise<{ records: number; damaged: number }> {
  const damaged: { family: Family; key: string }[] = [];
  let records = 0;
  for await (const { family, key, bytes } of everything(store)) {
    records += 1;
    if (bytes === undefined || !(await isRight(family, key, bytes))) damaged.push({ family, key });
  }
  await store.commit([], damaged);
  return { records, damaged: damaged.length };
}

async function exported(store: RecordStore): Promise<Uint8Array> {
  const parts: Uint8Array[] = [archiveMagic];
  for await (const { family, key, bytes } of everything(store)) {
    if (bytes === undefined || !(await isRight(family, key, bytes))) continue;
    const head = new Uint8Array(headBytes);
    head[0] = families.indexOf(family);
    head.set(unhex(key), 1);
    new DataView(head.buffer).setBigUint64(33, BigInt(bytes.length), true);
    parts.push(head, bytes);
  }
  return joined(parts);
}

/** Takes over the records that are right, and gives how many there were. */
export async function imported(store: RecordStore, archive: Uint8Array): Promise<number> {
  if (archiveMagic.some((byte, at) => archive[at] !== byte)) throw new Error('it is no archive of a cache');
  const view = new DataView(archive.buffer, archive.byteOffset, archive.length);
  const writes: Entry[] = [];
  let at = archiveMagic.length;
  while (at < archive.length) {
    const body = at + headBytes;
    const length = body <= archive.length ? view.getBigUint64(at + 33, true) : undefined;
    if (length === undefined || length > BigInt(archive.length - body)) throw new Error('it ends in the middle of a record');
    const [family, key] = [families[archive[at] ?? 0], hex(archive.subarray(at + 1, at + 33))];
    const bytes = archive.slice(body, body + Number(length));
    if (family !== undefined && (await isRight(family, key, bytes))) writes.push({ family, key, bytes });
    at = body + Number(length);
  }
  // What is found by others comes before what leads to it.
  writes.sort((one, other) => families.indexOf(other.family) - families.indexOf(one.family));
  await store.commit(writes, []);
  return writes.length;
}

async function* everything(store: RecordStore): AsyncGenerator<{ family: Family; key: string; bytes: Uint8Array | undefined }> {
  for (const family of families) {
    const keys = await store.keys(family);
    for (let at = 0; at < keys.length; at += batchSize) {
      const some = keys.slice(at, at + batchSize);
      const found = await store.get(family, some);
      for (const [index, key] of some.entries()) yield { family, key, bytes: found[index] };
    }
  }
}

/** Whether a record is what its family and key say: as it was written, and contents by their own digest, as whoever wrote them may have lied. */
async function isRight(family: Family, key: string, record: Uint8Array): Promise<boolean> {
  if (key.length !== 64) return false;
  if (family === 'ways') return ((await unseal(kinds.questions, unhex(key), record)) ?? (await unseal(kinds.result, unhex(key), record))) !== undefined;
  const contents = await unseal(kinds.contents, unhex(key), record);
  return contents !== undefined && hex(await digest(contents)) === key;
}
