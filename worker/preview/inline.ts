// This file runs an app where there is no service worker, or no origin for
// previews: in an `<iframe sandbox="allow-scripts">`, whose origin is opaque. The
// app's chunks come by message and are imported from blobs, so that what it
// fetches by address is not there.
//
// The frame is a static page of its own, `inline.html`. It is no `srcdoc`,
// `blob:` or `data:` document, because those inherit the policy of the page that
// embeds them, which allows no inline script, no blob and no eval – and should
// not. `inline.html` brings its own policy instead: any script that is there
// already, and nothing from the network.

import { chunkSpecifier } from '../src/preview-protocol.ts';
import type { RunMessage, Script } from '../src/preview-protocol.ts';
import { connect, flush, listen, print, reportTo, tell, textOf } from './report.ts';

const nonce = location.hash.slice(1);
const page = parent;

// Opened as a page of its own, without the sandbox, it would run code with this site's rights.
if (self.origin === 'null' && page !== self) {
  listen();
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
    print('error', `This preview has no network: its policy (${effectiveDirective}) blocked ${blockedURI}.`);
  });
  addEventListener('message', welcomed);
  // An opaque origin has no name, and the page's own may be another than this file's: the nonce is all that is told.
  page.postMessage({ type: 'nexxo:hello', nonce }, '*');
}

function welcomed({ source, data, ports: [modules, rest] }: MessageEvent<RunMessage | null>): void {
  // The project's own messages to itself look alike, but come from elsewhere.
  if (source !== page || data?.type !== 'nexxo:run' || data.nonce !== nonce || modules === undefined || rest === undefined) return;
  removeEventListener('message', welcomed);
  reportTo(rest);
  // The page makes another frame.
  connect(modules, () => {});
  void run(data);
}

async function run({ html, scripts }: RunMessage): Promise<void> {
  const started: Script[] = [];
  if (html === undefined) {
    const root = document.createElement('div');
    root.id = 'root';
    document.body.append(root);
    started.push(...scripts.filter(({ isEntry }) => isEntry));
  } else {
    started.push(...adopt(html, scripts));
  }
  const urls = new Map<string, string>();
  for (const { fileName, code } of scripts) {
    // The name shows in stacks and in the browser's own tools.
    const named = `${code}\n//# sourceURL=${fileName}`;
    urls.set(fileName, URL.createObjectURL(new Blob([named], { type: 'text/javascript' })));
  }
  addImportMap(urls);
  for (const { fileName } of started) {
    try {
      await import(urls.get(fileName) ?? '');
    } catch (thrown) {
      const stack = thrown instanceof Error ? (thrown.stack ?? '') : '';
      tell({ type: 'uncaught', error: { kind: 'error', message: textOf(thrown).split('\n', 1)[0] ?? '', stack } });
    }
  }
  flush();
  tell({ type: 'ran' });
}

/** Makes this document look like the project's, and gives the entries that it asks for. */
function adopt(html: string, scripts: Script[]): Script[] {
  const theirs = new DOMParser().parseFromString(html, 'text/html');
  const started: Script[] = [];
  const inline: string[] = [];
  for (const script of theirs.querySelectorAll('script')) {
    const source = script.getAttribute('src');
    if (source === null) inline.push(script.text);
    else {
      const wanted = source.replace(/^\.?\/+/, '');
      const found = scripts.find((entry) => entry.source === wanted || entry.fileName === wanted);
      if (found === undefined) print('warn', `The page loads \`${source}\`, which is no entry of the build.`);
      else started.push(found);
    }
    script.remove();
  }
  // A base would bend the frame's own addresses, and an `http-equiv` its policy.
  for (const unwanted of theirs.querySelectorAll('base, meta[http-equiv]')) unwanted.remove();
  for (const [target, source] of [
    [document.documentElement, theirs.documentElement],
    [document.body, theirs.body],
  ] as const) {
    for (const { name, value } of source.attributes) target.setAttribute(name, value);
  }
  document.head.append(...[...theirs.head.childNodes].map((node) => document.importNode(node, true)));
  document.body.replaceChildren(...[...theirs.body.childNodes].map((node) => document.importNode(node, true)));
  for (const text of inline) {
    const script = document.createElement('script');
    script.text = text;
    document.body.append(script);
  }
  return started.length > 0 ? started : scripts.filter(({ isEntry }) => isEntry);
}

function addImportMap(urls: Map<string, string>): void {
  const imports = Object.fromEntries([...urls].map(([fileName, url]) => [chunkSpecifier(fileName), url]));
  const map = document.createElement('script');
  map.type = 'importmap';
  map.text = JSON.stringify({ imports });
  document.head.append(map);
}
