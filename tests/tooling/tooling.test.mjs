// This file runs the tests of tooling.report, as `cases.mjs` has them, with the command that the
// environment variable NEXXO_BIN names, and holds `docs/tooling-report.md` to what comes of it.
//
//   NEXXO_BIN=target/release/nexxo node --test tests/tooling/tooling.test.mjs
//   UPDATE=1 …                                                                 # writes the page

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { cases, groups } from './cases.mjs';
import { merge, Project, Unmet } from './project.mjs';

assert.ok(process.env.NEXXO_BIN, 'NEXXO_BIN names the command to test');
const binary = resolve(process.env.NEXXO_BIN);
const page = new URL('../../docs/tooling-report.md', import.meta.url);

/** What an oracle finds unmet, or `undefined`; a mistake of its own is thrown. */
async function judge({ files, options, check }, { files: over, options: others, after } = {}) {
  const merged = merge(options ?? {}, others);
  const project = new Project({ binary, files: { ...files, ...over }, options: merged, after });
  try {
    await check(project);
    return undefined;
  } catch (error) {
    if (error instanceof Unmet) return error.message;
    throw error;
  } finally {
    project.remove();
  }
}

// The page needs every result, and a test may be run alone.
const results = new Map();
const result = (one) => {
  if (!results.has(one)) results.set(one, judge(one));
  return results.get(one);
};

for (const group of groups) {
  describe(group.title, () => {
    for (const one of group.cases) {
      test(one.id, async () => {
        const unmet = await result(one);
        if (one.expected === 'pass') {
          assert.equal(unmet, undefined);
        } else {
          assert.ok(unmet !== undefined, `it passes: \`expected\` in the case has to say so`);
          assert.match(unmet, one.missing, 'it is unmet for another reason');
        }
      });

      test(`${one.id}: the oracle comes to the other answer as well`, async () => {
        const unmet = await judge(one, one.contrary);
        if (one.expected === 'pass')
          assert.ok(unmet !== undefined, 'the oracle is met by what it should not be');
        else assert.equal(unmet, undefined);
      });
    }
  });
}

test('the cases are the 48 of tooling.report, and each says all that it has to', () => {
  assert.equal(cases.length, 48);
  assert.equal(new Set(cases.map((one) => one.id)).size, 48);
  for (const one of cases) {
    assert.ok(['pass', 'no'].includes(one.expected), one.id);
    const texts = [one.title, one.asks, one.expected === 'pass' ? one.how : one.why];
    for (const text of texts) assert.ok(text && !/[|\n]/.test(text), `${one.id}: ${text}`);
    assert.ok(one.contrary && one.check, one.id);
    assert.equal(one.missing instanceof RegExp, one.expected === 'no', one.id);
  }
});

test('`docs/tooling-report.md` says what came of it', async () => {
  const lines = [];
  let passed = 0;
  for (const group of groups) {
    const rows = [];
    for (const one of group.cases) {
      const passes = (await result(one)) === undefined;
      passed += passes;
      const how = passes ? one.how : one.why;
      rows.push(`| **${one.title}.** ${one.asks} | ${passes ? 'pass' : 'no'} | ${how ?? ''} |`);
    }
    const met = rows.filter((row) => row.includes(' | pass | ')).length;
    lines.push(
      `\n## ${group.title}: ${met} of ${rows.length}\n`,
      '| test | | how, or what is missing |',
      '|---|---|---|',
      ...rows,
    );
  }
  const intro = [
    '[tooling.report](https://tooling.report) compares build tools by 48 small tests. These are',
    `the same questions, asked of Nexxo. It passes **${passed} of ${cases.length}**.`,
  ];
  const method = [
    'Each test is a project in `tests/tooling/cases` with a program that judges the output: it',
    'builds, edits and builds again where that is the question, looks at names and contents, and',
    'runs what came out. Each is also given a project or an output with which it has to come to',
    'the other answer. What has no option in [options.md](options.md) is a `no`. Nexxo has no',
    'plugins, with which other tools pass some of these.',
  ];
  const source = [
    "The list is that of the tests which are complete in tooling.report's repository; those that",
    'are switched off or only described there are not counted. The page is written by the tests:',
    '`UPDATE=1 NEXXO_BIN=… node --test tests/tooling/tooling.test.mjs`.',
  ];
  const text = `# tooling.report

${intro.join(' ')}

${method.join(' ')}

${source.join(' ')}
${lines.join('\n')}
`;
  if (process.env.UPDATE === '1') writeFileSync(page, text);
  assert.ok(existsSync(page), 'the page is written with UPDATE=1');
  assert.equal(readFileSync(page, 'utf8'), text, 'the page is another; UPDATE=1 writes it');
});
