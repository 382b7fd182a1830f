// This file is the service worker of a preview's origin: it answers what the app
// asks for by asking the shell, which asks the page that has the engine. It
// keeps nothing of the app, so that a browser may end it at any time.

import type { Answer, FromShell } from '../src/preview-protocol.ts';

/** What of a service worker's world is used here; the page's types have no words for it. */
interface Client {
  id: string;
  url: string;
  postMessage(message: unknown, transfer: Transferable[]): void;
}
interface FetchEvent extends Event {
  request: Request;
  clientId: string;
  resultingClientId: string;
  respondWith(response: Promise<Response>): void;
}
interface Scope {
  clients: { matchAll(options: { type: 'window'; includeUncontrolled: boolean }): Promise<Client[]>; claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Event & { waitUntil(work: Promise<unknown>): void }) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
}
const scope = globalThis as unknown as Scope;

/** A build of a large app takes a while; after this, nobody will answer. */
const patienceMs = 60_000;
/** Which shell a page of the app belongs to, where several are open. Forgotten with the service worker; then any will do. */
const shellOf = new Map<string, string>();

/** What every page begins with: kept for when there is no network. */
const firstScript = '/__nexxo/page.js';
const kept = 'nexxo';

scope.addEventListener('install', (event) => event.waitUntil(scope.skipWaiting()));
scope.addEventListener('activate', (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (url.origin === location.origin && url.pathname === firstScript) return event.respondWith(first(event.request));
  // The app's requests to others are its own matter, and this folder's files are where they are.
  if (url.origin !== location.origin || url.pathname === '/__nexxo-sw.js' || url.pathname.startsWith('/__nexxo/')) return;
  event.respondWith(answer(event, url));
});

async function first(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) await (await caches.open(kept)).put(firstScript, response.clone());
    return response;
  } catch {
    return (await caches.match(firstScript)) ?? Response.error();
  }
}

async function answer({ request, clientId, resultingClientId }: FetchEvent, url: URL): Promise<Response> {
  const shells = (await scope.clients.matchAll({ type: 'window', includeUncontrolled: true })).filter((client) => new URL(client.url).pathname === '/__nexxo/');
  const known = shellOf.get(clientId) ?? clientId;
  const shell = shells.find(({ id }) => id === known) ?? shells[0];
  if (shell === undefined) return page(503, 'This preview is not connected', 'The page that it belongs to was closed, or shows another preview. Open it again from there.');
  if (resultingClientId !== '') {
    if (shellOf.size > 1_000) shellOf.clear();
    shellOf.set(resultingClientId, shell.id);
  }
  const isNavigation = request.mode === 'navigate';
  let path: string;
  try {
    path = decodeURIComponent(url.pathname);
  } catch {
    return page(400, 'This address cannot be read', 'It has a `%` that no letter follows from.');
  }
  const message: FromShell = { type: 'fetch', method: request.method, path: path.slice(0, 10_000), isNavigation };
  const given = await ask(shell, message);
  if (given === undefined) return page(504, 'This preview does not answer', 'The page that it belongs to is busy, or was closed. Load it again.');
  const { status, headers, body } = given;
  if (request.method === 'HEAD') return new Response(null, { status, headers });
  return (body instanceof Blob ? part(request.headers.get('range'), given, body) : undefined) ?? new Response(body, { status, headers });
}

/** A part of a file, as a player asks for: `bytes=<first>-<last>`, `bytes=<first>-` or `bytes=-<length>`. */
function part(range: string | null, { headers }: Answer, body: Blob): Response | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(range ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  const first = from === '' ? Math.max(0, body.size - Number(to)) : Number(from);
  const last = from === '' || to === '' ? body.size - 1 : Math.min(Number(to), body.size - 1);
  if (first > last) return new Response(null, { status: 416, headers: { ...headers, 'content-range': `bytes */${body.size}` } });
  return new Response(body.slice(first, last + 1), { status: 206, headers: { ...headers, 'content-range': `bytes ${first}-${last}/${body.size}` } });
}

function ask(shell: Client, message: FromShell): Promise<Answer | undefined> {
  const { port1, port2 } = new MessageChannel();
  return new Promise((resolve) => {
    const late = setTimeout(resolve, patienceMs, undefined);
    port1.onmessage = ({ data }: MessageEvent<Answer>) => {
      clearTimeout(late);
      port1.close();
      resolve(data);
    };
    shell.postMessage(message, [port2]);
  });
}

/** Says what is the matter; nothing of what was asked for is repeated. */
function page(status: number, title: string, text: string): Response {
  const html = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><body style="font:16px/1.5 system-ui,sans-serif;margin:3rem auto;max-width:36rem;padding:0 1rem;color-scheme:light dark"><h1 style="font-size:1.2rem">${title}</h1><p>${text}</p>`;
  return new Response(html, { status, headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' } });
}
