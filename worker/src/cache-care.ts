// This file is `nexxo.cache`: what is kept between visits, to be looked at, checked,
// thinned, cleared and carried elsewhere.

import type { CacheStat, CareAction } from './protocol.ts';

type Ask = <Value>(action: CareAction) => Promise<Value>;

/** What `nexxo cache` is on the command line. Where nothing is kept, there is nothing to find and nothing to do. */
export class CacheCare {
  readonly #ask: Ask;

  /** @internal */
  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** How much there is of what, and what it was good for so far. */
  stat(): Promise<CacheStat> {
    return this.#ask({ do: 'stat' });
  }

  /** Reads every record, and removes those that are not as they were written. */
  verify(): Promise<{ records: number; damaged: number }> {
    return this.#ask({ do: 'verify' });
  }

  /** Removes what was not used for the longest, where there is more than so many bytes. */
  gc(maxBytes: number): Promise<{ freedBytes: number; leftBytes: number }> {
    return this.#ask({ do: 'gc', maxBytes });
  }

  clear(): Promise<{ freedBytes: number; leftBytes: number }> {
    return this.#ask({ do: 'clear' });
  }

  /** All records in one archive, which `import`, the command and `createNexxo({ cache: { seed } })` take over. */
  export(): Promise<Uint8Array> {
    return this.#ask({ do: 'export' });
  }

  /** Takes over the records of an archive that are right. Rejects with `CACHE_UNUSABLE` where it is none. */
  import(archive: Uint8Array): Promise<{ records: number }> {
    return this.#ask({ do: 'import', archive });
  }
}
