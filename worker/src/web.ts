// This file answers what the engine asks of style sheets and pages, by a
// WebAssembly of its own, which is loaded with the first of them.

import init, * as web from './nexxo_web.js';
import { problemOf } from './error.ts';

interface StyleRequest {
  is: string;
  root?: string;
}

export class Web {
  readonly #load: () => Promise<WebAssembly.Module>;
  #module: Promise<WebAssembly.Module> | undefined;
  #instance: Promise<unknown> | undefined;

  constructor(load: () => Promise<WebAssembly.Module>) {
    this.#load = load;
  }

  /** Nothing where it cannot be loaded; the next request tries again. */
  async answer(request: string): Promise<string | undefined> {
    try {
      this.#module ??= this.#load();
      const module = await this.#module;
      this.#instance ??= init({ module_or_path: module });
      await this.#instance;
    } catch (thrown) {
      console.warn(`What compiles style sheets and reads pages could not be loaded: ${problemOf(thrown)}`);
      this.#module = undefined;
      this.#instance = undefined;
      return undefined;
    }
    try {
      return web.answer(request);
    } catch (thrown) {
      // What one request broke is no good for the next.
      this.#instance = undefined;
      const { is, root = '' } = JSON.parse(request) as StyleRequest;
      if (is !== 'style') return undefined;
      const message = `its compiler stopped (${problemOf(thrown)})`;
      return JSON.stringify({ to: 'style', is: 'failed', problems: [{ file: root, line: 1, column: 1, message }] });
    }
  }
}
