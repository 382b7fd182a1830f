// This file runs the project inside the preview's frame, and reports what it
// prints and fails with. `build.mjs` puts it into `preview.html` as it is.
//
// The frame is a static page of its own, `preview.html`, in an
// `<iframe sandbox="allow-scripts">`: the sandbox takes its origin away, so the
// project reaches neither this site's pages nor their storage. It is no `srcdoc`,
// `blob:` or `data:` document, because those inherit the policy of the page that
// embeds them, which allows no inline script, no blob and no eval – and should
// not. `preview.html` brings its own policy in a `<meta>` instead: any script
// that is there already, and nothing from the network. The project's chunks come
// by message and are imported from `blob:` addresses of the frame's own origin.

import { chunkSpecifier } from './preview-protocol.ts';
import type { FrameMessage, Line, RunMessage, Script } from './preview-protocol.ts';

type Level = Line['level'];

const nonce = location.hash.slice(1);
// An opaque origin cannot be named as a target, but the page's can: it is where this file came from.
const pageOrigin = location.origin;
const page = parent;

/** Beyond this a project that prints without end is no longer listened to. */
const mostLines = 5_000;
const mostPending = 200;
let printed = 0;
let pending: Line[] = [];

// Opened as a page of its own, without the sandbox, it would run code with this site's rights.
if (self.origin === 'null' && page !== self) {
  listen();
  post({ nonce, type: 'ready' });
}

function listen(): void {
  for (const level of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    const own = console[level].bind(console);
    console[level] = (...values: unknown[]) => {
      own(...values);
      print(level, values.map((value) => textOf(value)).join(' '));
    };
  }
  addEventListener('error', (event) => {
    const at = event.error instanceof Error ? textOf(event.error) : `Uncaught: ${event.message}`;
    print('error', at);
  });
  addEventListener('unhandledrejection', ({ reason }) => print('error', `Unhandled rejection: ${textOf(reason)}`));
  document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
    print('error', `The preview has no network: its policy (${effectiveDirective}) blocked ${blockedURI}.`);
  });
  addEventListener('message', (event: MessageEvent<RunMessage>) => {
    // The project's own messages to itself look alike, but come from elsewhere.
    if (event.source !== page || event.origin !== pageOrigin || event.data.nonce !== nonce) return;
    const [port] = event.ports;
    if (port !== undefined) connect(port);
    if (event.data.type === 'run') void run(event.data);
  });
}

/** Where the client of hot module replacement, which is part of the app's output, finds the engine. */
function connect(port: MessagePort): void {
  (globalThis as { __nexxo_hmr__?: unknown }).__nexxo_hmr__ = {
    send: (message: unknown) => port.postMessage(message),
    listen(receive: (message: unknown) => void) {
      port.onmessage = ({ data }) => receive(data);
    },
    // The page makes another frame.
    reload() {},
  };
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
  for (const { fileName, isModule } of started) {
    const url = urls.get(fileName) ?? '';
    try {
      await (isModule ? import(url) : loadClassic(url));
    } catch (thrown) {
      print('error', textOf(thrown));
    }
  }
  flush();
  post({ nonce, type: 'ran' });
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
      if (found === undefined) print('warn', `index.html loads \`${source}\`, which is no entry of the build.`);
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

function loadClassic(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = () => resolve();
    script.onerror = () => reject(new Error('The script could not be run.'));
    document.body.append(script);
  });
}

function print(level: Level, text: string): void {
  if (printed > mostLines) return;
  printed += 1;
  const line: Line =
    printed > mostLines
      ? { level: 'warn', text: `The project has printed ${mostLines} lines. The rest is in the browser's console.` }
      : { level, text: text.slice(0, 20_000) };
  if (pending.push(line) === 1) setTimeout(flush, 30);
  else if (pending.length >= mostPending) flush();
}

function flush(): void {
  if (pending.length === 0) return;
  post({ nonce, type: 'print', lines: pending });
  pending = [];
}

function post(message: FrameMessage): void {
  page.postMessage(message, pageOrigin);
}

/** A value as a line of text: what a reader of a console expects, and not without end. */
function textOf(value: unknown, depth = 0, seen: unknown[] = []): string {
  if (typeof value === 'string') return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return `[function ${value.name || 'anonymous'}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  try {
    if (value instanceof Error) return value.stack?.includes(value.message) === true ? value.stack : String(value);
    if (value instanceof Element) return `<${value.tagName.toLowerCase()}>`;
    if (value instanceof Date || value instanceof RegExp) return String(value);
    if (seen.includes(value)) return '[circular]';
    const below = [...seen, value];
    if (Array.isArray(value)) {
      if (depth > 2) return `[array of ${value.length}]`;
      const items = value.slice(0, 100).map((item) => textOf(item, depth + 1, below));
      return `[${items.join(', ')}${value.length > 100 ? ', …' : ''}]`;
    }
    if (value instanceof Map) return `Map ${textOf([...value], depth, below)}`;
    if (value instanceof Set) return `Set ${textOf([...value], depth, below)}`;
    const name = Object.getPrototypeOf(value)?.constructor?.name ?? '';
    const label = name === '' || name === 'Object' ? '' : `${name} `;
    if (depth > 2) return `${label}{…}`;
    const entries = Object.entries(value).slice(0, 50);
    const pairs = entries.map(([key, item]) => `${key}: ${textOf(item, depth + 1, below)}`);
    return pairs.length === 0 ? `${label}{}` : `${label}{ ${pairs.join(', ')} }`;
  } catch {
    // A getter or a proxy of the project's may throw at any place.
    return '[object]';
  }
}
