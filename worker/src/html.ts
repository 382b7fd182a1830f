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

/** A page of the project. */
export interface HtmlSource {
  /** Its path in the project, which its scripts' addresses are relative to. */
  at: string;
  /** Without one it has an element for the app to fill. */
  text: string | undefined;
}

/** The page with what it runs. A first page that names no entry gets them all. */
export function htmlPage({ at, text }: HtmlSource, files: OutputFile[], id: string): string {
  // A page that is an entry has been led to the output already.
  const made = files.find(({ type, fileName }) => type === 'asset' && fileName === at)?.text;
  const page = new DOMParser().parseFromString(made ?? text ?? '<div id="root"></div>', 'text/html');
  const entries = files.filter(({ type, isEntry }) => type === 'chunk' && isEntry);
  let isStarted = at !== 'index.html';
  for (const script of page.querySelectorAll<HTMLScriptElement>('script[src]')) {
    const wanted = pathIn(script.getAttribute('src') ?? '', at);
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

/** The path that an address in a page leads to; nothing where it leads elsewhere. */
function pathIn(address: string, page: string): string | undefined {
  const root = 'http://project';
  if (!URL.canParse(address, `${root}/${page}`)) return undefined;
  const { origin, pathname } = new URL(address, `${root}/${page}`);
  try {
    return origin === root ? decodeURIComponent(pathname.slice(1)) : undefined;
  } catch {
    return undefined;
  }
}
