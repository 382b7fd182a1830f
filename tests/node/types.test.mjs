// This file checks the package's types as a project that installs it would: by
// both ways in which TypeScript finds packages, and with the mistakes it should find.

import { spawnSync } from 'node:child_process';
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { packageDir } from './package-under-test.mjs';

const source = `
import { createNexxo, NexxoError } from 'nexxo';
import type { BuildOptions, BuildResult, Diagnostic, ExplainEvent, Nexxo, Plugin, Project } from 'nexxo';

const plugin: Plugin = {
  name: 'virtual',
  resolveId: { filter: /^virtual:/, handler: (specifier, importer) => (importer === undefined ? null : { id: specifier }) },
  load: async (id) => (id === 'virtual:a' ? { code: '', moduleType: 'ts' } : undefined),
  transform: { filter: { id: /x/ }, handler: (code) => code.trim() },
};
const options: BuildOptions = { input: { main: 'a.ts' }, output: { format: 'iife', name: 'a' } };

export async function use(): Promise<string | undefined> {
  const nexxo = await createNexxo({ wasm: '/nexxo.wasm', signal: AbortSignal.timeout(1) });
  const stop: () => void = nexxo.on('restart', ({ error }) => void error.diagnostic.hint);
  const project: Project = nexxo.createProject({ files: { 'a.ts': '', b: new Uint8Array() } });
  const contents: string | Uint8Array | undefined = project.read('a.ts');
  const onEvent = (event: ExplainEvent) => (event.type === 'stage' ? event.stage : undefined);
  try {
    const result: BuildResult = await project.build(options, { plugins: [plugin], onEvent });
    const context = project.context(options);
    const [file] = (await context.rebuild({ signal: AbortSignal.timeout(1) })).outputFiles;
    const problems: Diagnostic[] = result.diagnostics;
    stop();
    return file?.text ?? problems[0]?.range?.start.line.toString() ?? contents?.toString();
  } catch (reason) {
    if (reason instanceof NexxoError && reason.code === 'SUPERSEDED') return undefined;
    throw reason;
  }
}

// @ts-expect-error There is no such format.
export const format: BuildOptions = { output: { format: 'amd' } };
// @ts-expect-error There is no such option.
export const option: BuildOptions = { inputs: 'a.ts' };
// @ts-expect-error A hook gives no number.
export const hook: Plugin = { name: 'p', load: () => 1 };
// @ts-expect-error Handles come from \`createNexxo\`: this is a type only.
export const made = new Nexxo();
`;

let folder;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'nexxo-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageDir, join(folder, 'node_modules/nexxo'), 'dir');
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'use.ts'), source);
  writeFileSync(join(folder, 'entries.ts'), `import 'nexxo/worker';\nexport { createNexxo } from 'nexxo/node';\n`);
});
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [resolution, module] of [['bundler', 'esnext'], ['nodenext', 'nodenext']]) {
  test(`the types are found and right by the resolution "${resolution}"`, () => {
    const compilerOptions = { strict: true, target: 'es2022', module, moduleResolution: resolution, lib: ['es2022', 'dom'], types: [], noEmit: true };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts', 'entries.ts'] }));
    const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
    const { status, stdout } = spawnSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', folder], { encoding: 'utf8' });
    assert.equal(stdout, '');
    assert.equal(status, 0);
  });
}
