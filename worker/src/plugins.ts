// This file knows what a plugin may look like, tells the worker which hooks it
// has, and calls them. Plugins have Rollup's shape and run where they were made.

import { NexxoError, invalidPlugin } from './error.ts';
import { portableFilter } from './filter.ts';
import type { HookDeclaration, HookName, ModuleType } from './protocol.ts';

/** A plugin in Rollup's shape. A hook that gives nothing leaves the question to the next plugin. */
export interface Plugin {
  name: string;
  /** Says which module a specifier means. The filter is matched against the specifier. */
  resolveId?: Hook<(specifier: string, importer: string | undefined) => HookAnswer<string | ResolvedId>>;
  /** Gives a module's code. The filter is matched against the id. */
  load?: Hook<(id: string) => HookAnswer<string | LoadedModule>>;
  /** Changes a module's code. The filter is matched against the id. */
  transform?: Hook<(code: string, id: string) => HookAnswer<string | TransformedModule>>;
}

/** A hook: a function, or one that is called only where the filter matches. */
export type Hook<Handler> = Handler | { filter?: HookFilter; handler: Handler };

/** Checked in the engine where it can be, so that what does not match costs no message. */
export type HookFilter = RegExp | { id: RegExp };

/** A hook's answer, now or later. */
export type HookAnswer<Answer> = Answer | null | undefined | void | Promise<Answer | null | undefined | void>;

export interface ResolvedId {
  id: string;
  external?: boolean;
}

export interface LoadedModule {
  code: string;
  moduleType?: ModuleType;
  /** A source map: an object, or its JSON text. */
  map?: string | object | null;
}

export interface TransformedModule {
  code: string;
  /** A source map: an object, or its JSON text. */
  map?: string | object | null;
}

const hookNames: HookName[] = ['resolveId', 'load', 'transform'];

type Handler = (...args: string[]) => unknown;

interface BoundHook {
  filter: RegExp | undefined;
  handler: Handler;
}

/** The plugins of one build or context, checked once. */
export class PluginSet {
  readonly declarations: HookDeclaration[] = [];
  readonly #hooks: Partial<Record<HookName, BoundHook>>[] = [];

  constructor(plugins: readonly Plugin[] = []) {
    for (const plugin of plugins) {
      if (typeof plugin !== 'object' || plugin === null) throw refusal(String(plugin), 'it is no object');
      const name = typeof plugin.name === 'string' && plugin.name !== '' ? plugin.name : 'unnamed';
      const bound: Partial<Record<HookName, BoundHook>> = {};
      const declaration: HookDeclaration = { name, hooks: [] };
      for (const hook of hookNames) {
        const given = plugin[hook] as unknown;
        if (given === undefined || given === null) continue;
        const entry = bind(name, hook, given, plugin);
        bound[hook] = entry;
        const filter = entry.filter && portableFilter(entry.filter);
        declaration.hooks.push(filter === undefined ? { hook } : { hook, filter });
      }
      this.#hooks.push(bound);
      this.declarations.push(declaration);
    }
  }

  /** Calls a hook and gives its answer as plain data, which can be sent. */
  async call(plugin: number, hook: HookName, args: unknown[]): Promise<unknown> {
    const bound = this.#hooks[plugin]?.[hook];
    if (bound === undefined) return null;
    const [first, second] = args.map((arg) => (typeof arg === 'string' ? arg : undefined));
    const filtered = (hook === 'transform' ? second : first) ?? '';
    if (bound.filter !== undefined && !bound.filter.test(filtered)) return null;
    // Only `importer`, the second of `resolveId`, may be absent.
    const answer = await bound.handler(first ?? '', second as string);
    return plainAnswer(hook, answer);
  }
}

function bind(name: string, hook: HookName, given: unknown, plugin: Plugin): BoundHook {
  if (typeof given === 'function') return { filter: undefined, handler: (given as Handler).bind(plugin) };
  if (typeof given !== 'object' || given === null || !('handler' in given) || typeof given.handler !== 'function') {
    throw refusal(name, `\`${hook}\` is neither a function nor \`{ filter, handler }\``);
  }
  const handler = (given.handler as Handler).bind(plugin);
  let filter: unknown = 'filter' in given ? given.filter : undefined;
  if (typeof filter === 'object' && filter !== null && 'id' in filter) filter = filter.id;
  if (filter === undefined) return { filter: undefined, handler };
  if (!(filter instanceof RegExp)) {
    throw refusal(name, `the filter of \`${hook}\` is neither a regular expression nor \`{ id }\` with one`);
  }
  // The flags `g` and `y` would make one match depend on the one before.
  return { filter: new RegExp(filter.source, filter.flags.replace(/[gy]/g, '')), handler };
}

/** Keeps what the engine reads of an answer, so that a mistake has the hook's name in it. */
function plainAnswer(hook: HookName, answer: unknown): unknown {
  if (answer === null || answer === undefined) return null;
  if (typeof answer === 'string') return answer;
  if (hook === 'resolveId' && answer === false) {
    throw new TypeError('`resolveId` gave `false`. For an external module, give `{ id, external: true }`');
  }
  if (typeof answer !== 'object') {
    throw new TypeError(`\`${hook}\` gave a ${typeof answer}, not a string, an object or nothing`);
  }
  const fields = answer as Record<string, unknown>;
  const main = hook === 'resolveId' ? 'id' : 'code';
  if (typeof fields[main] !== 'string') {
    throw new TypeError(`\`${hook}\` gave an object whose \`${main}\` is not a string`);
  }
  if (hook === 'resolveId') return { id: fields['id'], external: Boolean(fields['external']) };
  const plain: Record<string, unknown> = { code: fields['code'] };
  const map = mapText(fields['map']);
  if (map !== undefined) plain['map'] = map;
  if (hook === 'load' && fields['moduleType'] !== undefined) plain['moduleType'] = String(fields['moduleType']);
  return plain;
}

function mapText(map: unknown): string | undefined {
  if (map === null || map === undefined) return undefined;
  return typeof map === 'string' ? map : JSON.stringify(map);
}

function refusal(name: string, problem: string): NexxoError {
  return new NexxoError(invalidPlugin(name, problem));
}
