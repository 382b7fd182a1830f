// This file keeps records in IndexedDB. Every tab of an origin reads and writes
// the same ones; a browser may take all of them at any time.

import { families } from './cache.ts';
import type { Entry, Family, RecordStore } from './cache.ts';

/** Another layout has another name: a database that never changes its version blocks no tab. */
const databaseName = 'nexxo-cache-1';
const usesName = 'uses';

/** What takes longer is given up: some databases never answer. */
const patienceMs = 3_000;
/** A record is marked as used only so often. */
const useToleranceMs = 3_600_000;
/** Where the budget is exceeded, so much of it is left. */
const left = 0.85;

interface Use {
  bytes: number;
  used: number;
}

export class IndexedDbStore implements RecordStore {
  readonly #maxBytes: number;
  #database: Promise<IDBDatabase> | undefined;
  #isNew = false;
  /** Whether it gave up writing, as where there is no room at all. */
  #isReadOnly = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  async isNew(): Promise<boolean> {
    await this.#open();
    return this.#isNew;
  }

  async get(family: Family, keys: string[]): Promise<(Uint8Array | undefined)[]> {
    const found = await this.#run([family], 'readonly', (transaction) => {
      const store = transaction.objectStore(family);
      return Promise.all(keys.map((key) => settled<unknown>(store.get(key))));
    });
    void this.#markUsed(family, keys.filter((_, at) => found[at] !== undefined)).catch(() => {});
    return found.map((value) => (value instanceof Uint8Array ? value : undefined));
  }

  async commit(writes: Entry[], removals: { family: Family; key: string }[]): Promise<void> {
    if (this.#isReadOnly) return;
    try {
      await this.#write(writes, removals);
    } catch (thrown) {
      if (!isQuota(thrown)) throw thrown;
      // What was not used for long makes room; where that does not help, there is none.
      try {
        await this.shrink(this.#maxBytes / 4);
        await this.#write(writes, removals);
      } catch (again) {
        this.#isReadOnly = true;
        throw again;
      }
    }
    await this.shrink(this.#maxBytes);
  }

  #write(writes: Entry[], removals: { family: Family; key: string }[]): Promise<void> {
    return this.#run([...families, usesName], 'readwrite', async (transaction) => {
      const uses = transaction.objectStore(usesName);
      for (const { family, key, bytes } of writes) {
        transaction.objectStore(family).put(bytes, key);
        uses.put({ bytes: bytes.length, used: Date.now() } satisfies Use, `${family} ${key}`);
      }
      for (const { family, key } of removals) {
        transaction.objectStore(family).delete(key);
        uses.delete(`${family} ${key}`);
      }
    });
  }

  #markUsed(family: Family, keys: string[]): Promise<void> {
    return this.#run([usesName], 'readwrite', async (transaction) => {
      const uses = transaction.objectStore(usesName);
      for (const key of keys) {
        const name = `${family} ${key}`;
        const use = await settled<Use | undefined>(uses.get(name));
        if (use !== undefined && Math.abs(Date.now() - use.used) > useToleranceMs) uses.put({ ...use, used: Date.now() } satisfies Use, name);
      }
    });
  }

  keys(family: Family): Promise<string[]> {
    return this.#run([family], 'readonly', async (transaction) => {
      const keys = await settled<IDBValidKey[]>(transaction.objectStore(family).getAllKeys());
      return keys.map(String);
    });
  }

  usage(): Promise<Map<Family, { records: number; bytes: number }>> {
    return this.#run([usesName], 'readonly', async (transaction) => {
      const uses = transaction.objectStore(usesName);
      const [names, all] = await Promise.all([settled<IDBValidKey[]>(uses.getAllKeys()), settled<Use[]>(uses.getAll())]);
      const usage = new Map<Family, { records: number; bytes: number }>();
      for (const [at, { bytes }] of all.entries()) {
        const family = String(names[at]).split(' ')[0] as Family;
        const known = usage.get(family) ?? { records: 0, bytes: 0 };
        usage.set(family, { records: known.records + 1, bytes: known.bytes + bytes });
      }
      return usage;
    });
  }

  clear(): Promise<void> {
    this.#isReadOnly = false;
    return this.#run([...families, usesName], 'readwrite', async (transaction) => {
      for (const name of [...families, usesName]) transaction.objectStore(name).clear();
    });
  }

  shrink(maxBytes: number): Promise<void> {
    return this.#run([...families, usesName], 'readwrite', async (transaction) => {
      const uses = transaction.objectStore(usesName);
      const [names, all] = await Promise.all([settled<IDBValidKey[]>(uses.getAllKeys()), settled<Use[]>(uses.getAll())]);
      let total = all.reduce((sum, { bytes }) => sum + bytes, 0);
      if (total <= maxBytes) return;
      const now = Date.now();
      // A time that lies ahead is of another clock, and says nothing.
      const age = ({ used }: Use): number => (used > now + useToleranceMs ? Infinity : now - used);
      const order = all.map((use, at) => ({ use, name: String(names[at]) })).sort((one, other) => age(other.use) - age(one.use));
      for (const { use, name } of order) {
        if (total <= maxBytes * left) break;
        const [family, key] = name.split(' ') as [Family, string];
        transaction.objectStore(family).delete(key);
        uses.delete(name);
        total -= use.bytes;
      }
    });
  }

  /** Runs one transaction, on a new connection where the old one is gone. */
  async #run<Value>(stores: string[], mode: IDBTransactionMode, work: (transaction: IDBTransaction) => Promise<Value>): Promise<Value> {
    for (let attempt = 0; ; attempt += 1) {
      const database = await this.#open();
      let transaction: IDBTransaction;
      try {
        transaction = database.transaction(stores, mode, { durability: 'relaxed' });
      } catch (thrown) {
        // The browser closed it, or it was deleted under us.
        this.#database = undefined;
        database.close();
        if (attempt > 0) throw thrown;
        continue;
      }
      const done = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was given up'));
      });
      done.catch(() => {});
      const value = work(transaction).then(async (value) => {
        await done;
        return value;
      });
      return patiently(value, () => (this.#database = undefined));
    }
  }

  #open(): Promise<IDBDatabase> {
    this.#database ??= openDatabase(
      () => (this.#isNew = true),
      () => (this.#database = undefined),
    );
    this.#database.catch(() => (this.#database = undefined));
    return this.#database;
  }
}

function openDatabase(onNew: () => void, onGone: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    const timer = setTimeout(() => reject(new Error('the database did not open')), patienceMs);
    request.onupgradeneeded = () => {
      onNew();
      for (const name of [...families, usesName]) request.result.createObjectStore(name);
    };
    request.onerror = () => reject(request.error ?? new Error('the database did not open'));
    request.onsuccess = () => {
      clearTimeout(timer);
      const database = request.result;
      database.onclose = onGone;
      // Whoever deletes it need not wait for this tab.
      database.onversionchange = () => {
        database.close();
        onGone();
      };
      resolve(database);
    };
  });
}

/** Waits no longer than it is worth. */
function patiently<Value>(work: Promise<Value>, onGivenUp: () => void): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      onGivenUp();
      reject(new Error('the database does not answer'));
    }, patienceMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function settled<Value>(request: IDBRequest): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as Value);
    request.onerror = () => reject(request.error ?? new Error('the request failed'));
  });
}

function isQuota(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'QuotaExceededError';
}
