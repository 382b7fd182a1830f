// This file embeds a preview of a project of the test's own, as an author of an
// IDE would, in a page under the playground's policy.

import { newContext, site, until } from './harness.mjs';

/**
 * Shows files in a preview: `page.evaluate(() => window.preview)` is it. `took`
 * gives what it told so far, `write` edits the files and brings the preview up to date.
 * `previewOptions` are merged into those of the preview.
 */
export async function embed(files, options, contextOptions = {}, previewOptions = {}) {
  const { context, complaints } = await newContext(contextOptions);
  const page = await context.newPage();
  await page.goto(`${site.url}licenses.txt`).catch(() => {});
  await page.goto(site.url);
  const folder = await page.locator('link[rel=modulepreload]').first().getAttribute('href');
  await page.evaluate(
    async ([folder, files, options, previewOptions]) => {
      document.body.replaceChildren();
      const { createNexxo } = await import(`/${folder}`);
      const { createPreview } = await import(`/${folder.replace('index.js', 'preview.js')}`);
      const nexxo = await createNexxo();
      const bytes = ([path, contents]) => [path, Array.isArray(contents) ? new Uint8Array(contents) : contents];
      const project = nexxo.createProject({ files: Object.fromEntries(Object.entries(files).map(bytes)) });
      const dev = project.dev(options);
      window.told = [];
      window.project = project;
      window.dev = dev;
      window.createPreview = createPreview;
      window.preview = createPreview({
        host: document.body,
        source: dev,
        files: project,
        origin: `${location.protocol}//*.localhost:${location.port}`,
        inline: '/preview/__nexxo/inline.html',
        ...previewOptions,
      });
      for (const name of ['ready', 'load', 'ran', 'print', 'error', 'broken', 'location', 'open', 'hung', 'stopped']) {
        window.preview.on(name, (event) => window.told.push(JSON.parse(JSON.stringify({ name, ...event }))));
      }
    },
    [folder, files, options, previewOptions],
  );
  return {
    page,
    context,
    complaints,
    took: () => page.evaluate(() => window.told),
    write: (changes) =>
      page.evaluate(async (changes) => {
        for (const [path, text] of Object.entries(changes)) window.project.write(path, text);
        await window.preview.update();
      }, changes),
  };
}

/** The frame that the app is in; with a text, when that is in it. */
export async function appFrame(page, text, outer = 'iframe.nexxo-preview') {
  return until(page, `the app ${text === undefined ? 'is there' : `says "${text}"`}`, async () => {
    try {
      const shell = outer === '' ? page.mainFrame() : await (await page.$(outer))?.contentFrame();
      const inner = await shell?.$('iframe.shown');
      // Inline, the frame is the app's.
      const app = inner ? await inner.contentFrame() : /inline\.html/.test(shell?.url() ?? '') ? shell : undefined;
      if (!app || text === undefined) return app;
      return (await app.evaluate(() => document.querySelector('#root')?.textContent)) === text ? app : undefined;
    } catch {
      // It goes while it is looked at.
      return undefined;
    }
  });
}
