// This file is the adapter for React: it comes after `client.ts` and React's own
// refresh runtime, and decides which modules are components and nothing else.
// The engine appends to each module with JSX the few lines that call it.

/** `react-refresh`, of React's own making. */
declare const refresh: {
  injectIntoGlobalHook(global: object): void;
  register(type: unknown, id: string): void;
  createSignatureFunctionForTransform(): unknown;
  isLikelyComponentType(type: unknown): boolean;
  getFamilyByType(type: unknown): unknown;
  performReactRefresh(): unknown;
};
interface HotContext {
  readonly id: string;
  invalidate(message: string): void;
}

declare const runtime: { loadExports(id: string): Record<string, unknown>; isExecuted(id: string): boolean };
declare const afterUpdates: (() => void)[];

// Before React itself, which looks for it when it starts.
refresh.injectIntoGlobalHook(globalThis);

let hasNews = false;
afterUpdates.push(() => {
  if (!hasNews) return;
  hasNews = false;
  refresh.performReactRefresh();
});

interface Globals {
  $RefreshSig$: unknown;
  $RefreshReg$: unknown;
  __nexxo_react__: unknown;
}

const globals = globalThis as unknown as Globals;
// Hooks live in modules without JSX as well, and need their signatures.
globals.$RefreshSig$ = refresh.createSignatureFunctionForTransform;
globals.$RefreshReg$ = () => {};

globals.__nexxo_react__ = {
  register({ id }: HotContext, type: unknown, name: string): void {
    refresh.register(type, `${id} ${name}`);
  },

  /** Called while the module runs; gives what takes the exports of its next run. */
  accept(hot: HotContext): (next: Record<string, unknown> | undefined) => void {
    const { id } = hot;
    let before: Record<string, unknown> | undefined;
    queueMicrotask(() => {
      if (runtime.isExecuted(id)) before = registered(id, runtime.loadExports(id));
    });
    return (next) => {
      // It failed to run, which is told already; the components of before stay.
      if (next === undefined) return;
      const problem = whyNot(before ?? {}, registered(id, next));
      if (problem === undefined) hasNews = true;
      else hot.invalidate(`Fast Refresh cannot keep it: ${problem}`);
    };
  },
};

/** Makes components of the exports known, and gives the exports as they are now. */
function registered(id: string, module: Record<string, unknown>): Record<string, unknown> {
  const now: Record<string, unknown> = {};
  for (const name of Object.keys(module)) {
    const value = module[name];
    now[name] = value;
    if (refresh.isLikelyComponentType(value)) refresh.register(value, `${id} export ${name}`);
  }
  return now;
}

function whyNot(before: Record<string, unknown>, after: Record<string, unknown>): string | undefined {
  const names = Object.keys(after);
  if (names.length === 0) return 'it exports no component';
  for (const name of Object.keys(before)) if (!(name in after)) return `the export \`${name}\` was removed`;
  for (const name of names) {
    if (!(name in before)) return `the export \`${name}\` is new`;
    if (!refresh.isLikelyComponentType(after[name]) && before[name] !== after[name]) return `the export \`${name}\` is no component`;
  }
  return undefined;
}
