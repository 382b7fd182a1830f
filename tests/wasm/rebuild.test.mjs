// This file repeats the edits that the native engine's property test drew, and
// compares every rebuild with what a clean native build gave.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { importFile } from '../node/package-under-test.mjs';

const { createNexxo } = await importFile('node.js');

const recorded = process.env.NEXXO_SEQUENCES;
if (recorded === undefined) throw new Error('NEXXO_SEQUENCES has to name a file that NEXXO_RECORD=<file> cargo test --test rebuild wrote.');
const sequences = readFileSync(recorded, 'utf8').trim().split('\n').map((line) => JSON.parse(line));

let nexxo;
const restarts = [];
before(async () => {
  nexxo = await createNexxo();
  nexxo.on('restart', ({ error }) => restarts.push(error));
});
after(() => nexxo.dispose());

test('there are sequences to repeat', () => assert.ok(sequences.length > 0 && sequences.every(({ steps }) => steps.length > 1)));

for (const { seed, options, steps } of sequences) {
  test(`sequence ${seed}: incremental in WebAssembly equals clean natively`, async () => {
    const project = nexxo.createProject();
    const dev = options.dev === undefined ? undefined : project.dev(options);
    const context = dev === undefined ? project.context(options) : undefined;
    try {
      for (const [number, { edits, update, digest }] of steps.entries()) {
        // A rename may turn up before what it takes the place of is gone.
        for (const [path, text] of Object.entries(edits)) if (text === null) project.remove(path);
        for (const [path, text] of Object.entries(edits)) if (text !== null) project.write(path, text);
        if (update) await dev.update();
        const result = await (context?.rebuild() ?? (number === 0 ? dev.open().then((page) => page.result) : dev.build()));
        assert.equal(digestOf(result), digest, `step ${number} of NEXXO_SEED=${seed}, options ${JSON.stringify(options)}`);
      }
    } finally {
      dev?.dispose();
      project.dispose();
    }
    assert.deepEqual(restarts.splice(0), [], 'the engine came through');
  });
}

/** As `digest` in `tests/tests/rebuild.rs`. */
function digestOf({ diagnostics, outputFiles }) {
  const hash = createHash('sha256');
  for (const { code, file, message } of diagnostics) hash.update(`${code}\t${file ?? ''}\t${message}\n`);
  for (const { fileName, contents } of outputFiles) hash.update(`=== ${fileName}\n`).update(contents).update('\n');
  return hash.digest('hex');
}
