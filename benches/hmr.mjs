// This file times edits of a running app in headless Chromium: from the edit to
// the patch in the page, to the module that has run again, to the painted frame;
// and beside them the whole output again. `cargo xtask bench hmr`.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { chromiumArgs, circumstances, firstLine, flags, here, packageFolder } from './common.mjs';
import { fileMap, hotApp } from './corpus.mjs';
import { hmrReport } from './report.mjs';
import { serve } from './browser/server.mjs';

const usage = `Usage: node hmr.mjs [options]

  --quick                Few edits of small apps, to see that everything runs
  --only <count,…>       Numbers of components; default 10,1000,5000
  --samples <n>          Pages for each size; default 3
  --out <folder>         Where results go; default benches/results

NEXXO_PKG_DIR names the folder of a built package (default pkg), NEXXO_CHROMIUM the browser.`;

const options = flags(usage);
const executablePath = process.env.NEXXO_CHROMIUM ?? '/usr/bin/chromium';
const sizes = (options.only ?? (options.quick ? ['10', '100'] : ['10', '1000', '5000'])).map(Number);
const pages = options.samples ?? (options.quick ? 1 : 3);
/** Of each place, alternating between two texts. */
const EDITS = options.quick ? 6 : 20;

const made = new Map(sizes.map((size) => [size, hotApp(size)]));
const site = await serve(async (path) => {
  const [, folder, ...rest] = path.split('/');
  if (folder === 'page') return '<!doctype html><title>bench</title><script src="/hmr-page.js"></script>';
  if (path === '/hmr-page.js') return readFile(join(here, 'browser', 'hmr-page.js'));
  if (folder === 'nexxo') return readFile(join(packageFolder, rest.join('/')));
  const app = made.get(Number(rest[0]));
  if (folder === 'app' && app) return JSON.stringify({ ...app, files: await fileMap(app) });
  return undefined;
});
const browser = await chromium.launch({ executablePath, args: chromiumArgs });
const samples = [];
try {
  for (let round = 0; round < pages; round += 1) {
    for (const size of sizes) {
      const context = await browser.newContext();
      context.setDefaultTimeout(0);
      const page = await context.newPage();
      page.on('pageerror', (error) => console.error(error.message));
      await page.goto(`${site.origin}/page/${size}.html`);
      const values = await page.evaluate(([count, edits]) => hmrBench(count, edits), [size, EDITS]);
      for (const value of values) samples.push({ size, round, ...value });
      const text = values.map(({ place, patchMs, paintMs }) => `${place} ${middle(patchMs)} ms to the patch, ${middle(paintMs)} ms to the paint`).join('; ');
      console.log(`${size} components, page ${round + 1} of ${pages}: ${text}; whole output ${middle(values[0].outputMs)} ms`);
      await context.close();
    }
  }
} finally {
  await browser.close();
  site.close();
}

const result = {
  ...circumstances({ nexxo: JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')).version }),
  browser: firstLine(executablePath, ['--version']).replace(/ built on.*/, ''),
  samples,
};
await mkdir(options.out, { recursive: true });
await writeFile(join(options.out, 'hmr.json'), `${JSON.stringify(result, null, 1)}\n`);
await hmrReport(options.out);

/** @param {number[]} values */
function middle(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1].toFixed(1);
}
