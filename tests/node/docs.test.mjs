// This file holds the documentation to what it documents: every option and
// every code of a diagnostic is in its page.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('every option is in `docs/options.md`', () => {
  const protocol = read('worker/src/protocol.ts');
  const page = read('docs/options.md');
  const names = ['BuildOptions', 'ResolveOptions', 'TransformOptions', 'JsxOptions', 'DecoratorOptions', 'TreeshakeOptions', 'OutputOptions', 'CodeSplittingOptions', 'ChunkGroup', 'CssOptions', 'CssModulesOptions', 'PreprocessorOptions', 'HtmlOptions', 'Budget', 'LibraryOptions', 'DevOptions', 'Limits'];
  let count = 0;
  for (const name of names) {
    const body = new RegExp(`export interface ${name} \\{\\n([^}]*)\\}`).exec(protocol)?.[1];
    assert.ok(body, `\`${name}\` is in the protocol`);
    for (const [, option] of body.matchAll(/^ {2}(\w+)\??:/gm)) {
      count += 1;
      assert.ok(page.includes(`| \`${option}\` |`), `\`${option}\` of \`${name}\``);
    }
  }
  assert.ok(count > 60, `${count} options were looked for`);
});

test("the README's figures are those of the committed results", () => {
  execFileSync(process.execPath, [fileURLToPath(new URL('../../benches/readme.mjs', import.meta.url)), '--check'], { stdio: 'pipe' });
});

test('every code is in `docs/diagnostics.md`', () => {
  const page = read('docs/diagnostics.md');
  const sources = ['crates/nexxo/src/diagnostic.rs', 'crates/nexxo_cli/src/message.rs', 'worker/src/error.ts'];
  const codes = new Set();
  for (const source of sources) {
    for (const [, code] of read(source).matchAll(/["']([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*)["']/g)) codes.add(code);
  }
  // The names of formats look like codes.
  for (const name of ['CSS', 'JSON']) codes.delete(name);
  assert.ok(codes.size > 40, `${codes.size} codes were looked for`);
  for (const code of codes) assert.ok(page.includes(`| \`${code}\` |`), code);
});
