// This file turns a project's page into what a preview serves: its scripts lead
// to the output, and the preview's own script comes before them.

import type { OutputFile } from './project.ts';

/** The first script of every page; see `worker/preview/page.ts`. */
const firstScript = '/__nexxo/page.js';

/** The files that may be the page of a path, best first; the app's own routes end at `index.html`. */
export function pageCandidates(path: string): string[] {
  const below = path.slice(1);
  if (below === '' || below.endsWith('/')) return [`${below}index.html`, 'index.html'];
  if (below.endsWith('.html')) return [below];
  return [`${below}.html`, `${below}/index.html`, 'index.html'];
}

/** The page with what it runs. Without a text of its own, it has an element for the app to fill. */
export function htmlPage(text: string | undefined, files: OutputFile[], id: string): string {
  const page = new DOMParser().parseFromString(text ?? '<div id="root"></div>', 'text/html');
  const entries = files.filter(({ type, isEntry }) => type === 'chunk' && isEntry);
  const scripts = [...page.querySelectorAll<HTMLScriptElement>('script[src]')];
  let isStarted = false;
  for (const script of scripts) {
    const wanted = (script.getAttribute('src') ?? '').replace(/^\.?\/+/, '').split(/[?#]/, 1)[0];
    const entry = entries.find(({ facadeModuleId, fileName }) => facadeModuleId === wanted || fileName === wanted);
    if (entry === undefined) continue;
    script.setAttribute('src', `/${entry.fileName}`);
    isStarted = true;
  }
  if (!isStarted) for (const { fileName } of entries) page.body.append(scriptFor(page, `/${fileName}`, 'module'));
  const first = scriptFor(page, firstScript);
  first.setAttribute('data-page', id);
  page.head.prepend(first);
  return `<!doctype html>\n${page.documentElement.outerHTML}`;
}

function scriptFor(page: Document, src: string, type?: string): HTMLScriptElement {
  const script = page.createElement('script');
  if (type !== undefined) script.type = type;
  script.setAttribute('src', src);
  return script;
}
