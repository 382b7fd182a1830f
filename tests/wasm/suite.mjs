// This file builds each fixture of a folder with the package under Node, and
// compares with what the native engine is recorded to give.

import assert from 'node:assert/strict';
import { relative } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { importFile } from '../node/package-under-test.mjs';
import { expectedOf, fixturesIn, readFixture, sectionsOf } from './fixture.mjs';

const { createNexxo, NexxoError } = await importFile('node.js');

export function testFixtures(folderUrl) {
  const folder = fileURLToPath(folderUrl);
  let nexxo;
  const restarts = [];
  before(async () => {
    nexxo = await createNexxo();
    nexxo.on('restart', ({ error }) => restarts.push(error));
  });
  after(() => nexxo.dispose());

  for (const path of fixturesIn(folder)) {
    const name = relative(folder, path).replace(/\.txt$/, '');
    test(name, async () => {
      const fixture = readFixture(path);
      const observed = await observe(nexxo, fixture);
      assert.deepEqual(restarts.splice(0), [], 'the engine came through');
      const [found, expected] = [sectionsOf(observed, fixture), expectedOf(fixture)];
      for (const [header, body] of expected) assert.equal(found.get(header), body, `${header} is as natively`);
      assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort());
    });
  }
}

async function observe(nexxo, fixture) {
  const events = [];
  const refused = (thrown) => {
    if (!(thrown instanceof NexxoError)) throw thrown;
    return { result: { ok: false, outputFiles: [], diagnostics: [thrown.diagnostic] }, events };
  };
  if (fixture.transform !== undefined) {
    const code = new TextDecoder().decode(fixture.steps[0][0].contents);
    return { result: await nexxo.transform(code, fixture.transform), events };
  }
  const project = nexxo.createProject();
  const apply = (edits) => {
    for (const { path, contents } of edits) {
      if (contents === undefined) project.remove(path);
      else project.write(path, contents);
    }
  };
  try {
    const onEvent = (event) => events.push(event);
    apply(fixture.steps[0]);
    if (fixture.steps.length === 1) return { result: await project.build(fixture.options, { onEvent }), events };
    const context = project.context(fixture.options, { onEvent });
    let result = await context.rebuild();
    for (const step of fixture.steps.slice(1)) {
      apply(step);
      events.length = 0;
      result = await context.rebuild();
    }
    return { result, events };
  } catch (thrown) {
    return refused(thrown);
  } finally {
    project.dispose();
  }
}
