// This file declares what the WebAssembly for style sheets and pages gives.
// wasm-bindgen writes the module itself, from `crates/nexxo_web`.

export default function init(options: { module_or_path: WebAssembly.Module }): Promise<unknown>;

/** A request and its answer as JSON. */
export function answer(request: string): string | undefined;
