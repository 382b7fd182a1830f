// This file holds the tab's half of the cache to the examples that the engine's
// half is held to: the same records and the same keys.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { importFile } from './package-under-test.mjs';

const { createNexxo } = await importFile('node.js');

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const { key, files, questions, next, records, requests } = JSON.parse(read('../cache/records.json'));

let nexxo;
let own;
before(async () => {
  nexxo = await createNexxo();
  // The source itself, as the package has it inside of its worker.
  const [records, cache] = ['records.ts', 'cache.ts'].map((name) => read(`../../worker/src/${name}`));
  const both = "export * from './records.ts'; export { relevant } from './cache.ts';";
  const project = nexxo.createProject({ files: { 'records.ts': records, 'cache.ts': cache, 'protocol.ts': 'export {}', 'both.ts': both } });
  const { outputFiles } = await project.build({ input: 'both.ts' });
  own = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
});
after(() => nexxo?.dispose());

test('answers lead to the key of the example', async () => {
  const digests = new Map(Object.entries(files).map(([path, contents]) => [path, own.digest(contents)]));
  assert.equal(own.hex(await new own.Answers(digests).next(own.unhex(key), questions)), next);
  assert.equal(await new own.Answers(digests).next(own.unhex(key), ['z/nobody/knows']), undefined);
});

test('requests are written as the engine writes them', () => {
  for (const { options, text } of requests) assert.equal(JSON.stringify(own.relevant(options)), text);
});

for (const [at, { kind, body, record }] of records.entries()) {
  test(`record ${at} is written and read as in the example`, async () => {
    const sealed = await own.seal(kind, own.unhex(key), body);
    assert.equal(own.hex(sealed), record);
    assert.equal(new TextDecoder().decode(await own.unseal(kind, own.unhex(key), sealed)), body);
    assert.equal(await own.unseal(kind, own.unhex(next), sealed), undefined);
    for (let bit = 0; bit < sealed.length * 8; bit += 7) {
      const damaged = sealed.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      assert.equal(await own.unseal(kind, own.unhex(key), damaged), undefined, `bit ${bit}`);
    }
  });
}
