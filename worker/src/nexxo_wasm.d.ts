// This file declares what the engine's WebAssembly gives, as far as the worker
// uses it. wasm-bindgen writes the module itself, from `crates/nexxo_wasm`.

import type {
  BuildOptions,
  BuildResult,
  ExplainEvent,
  HookDeclaration,
  HookName,
  TransformRequest,
  TransformResult,
} from './protocol.ts';

export default function init(options: { module_or_path: WebAssembly.Module }): Promise<{ memory: WebAssembly.Memory }>;

export type CallHook = (plugin: number, hook: HookName, args: unknown[]) => unknown;

/** One per project. Its promises reject with a `Diagnostic`; anything else thrown means a broken instance. */
export class Engine {
  constructor();
  write(path: string, contents: Uint8Array): void;
  remove(path: string): boolean;
  build(
    options: BuildOptions,
    hooks: HookDeclaration[],
    callHook: CallHook,
    cancel: CancelToken,
    onEvent: (event: ExplainEvent) => void,
    /** Whether the result is to have the property `questions`: what was asked about the files. */
    isWatched: boolean,
  ): Promise<BuildResult>;
  createContext(options: BuildOptions, hooks: HookDeclaration[], callHook: CallHook): Context;
  free(): void;
}

export class Context {
  update(cancel: CancelToken): Promise<unknown>;
  factories(page: string, modules: string[], cancel: CancelToken): Promise<unknown>;
  connect(page: string): void;
  disconnect(page: string): void;
  rebuild(cancel: CancelToken, onEvent: (event: ExplainEvent) => void, isWatched: boolean): Promise<BuildResult>;
  free(): void;
}

export class CancelToken {
  constructor();
  cancel(): void;
  free(): void;
}

export function transform(code: string, request: TransformRequest): TransformResult;
/** Says who answers what is asked of style sheets and pages. */
export function setWeb(answer: (request: string) => Promise<string | undefined>): void;
export function memoryBytes(): number;
export function version(): string;
/** What the engine is made of. */
export function engineId(): string;
