// This file is the shell of a preview: the document of the preview's origin that
// an embedding page puts into a frame, or opens in a tab. It proves who is there
// on both sides, starts the service worker, and shows the app in a frame of its
// own. The app can reach the shell, as it is of the same origin: the shell knows
// nothing that the app may not know.

import type { FromShell, Hello, Return, ToShell, Welcome } from '../src/preview-protocol.ts';

const serviceWorker = '/__nexxo-sw.js';
/** A tab that was loaded again is found by its embedder in less time. */
const patienceMs = 2_000;
const isTab = parent === self;
/** Who embeds: a window and its origin, which is told in the address, `#<nonce>,<origin>`. */
let peer: Window | null = isTab ? (opener as Window | null) : parent;
let [nonce = '', embedder = ''] = decodeURIComponent(location.hash.slice(1)).split(',');
let port: MessagePort | undefined;
let shown: HTMLIFrameElement | undefined;
let next: HTMLIFrameElement | undefined;

/** Requests that came before there was anybody to ask. */
let early: [AppMessage, MessagePort][] | undefined = [];
type AppMessage = Extract<FromShell, { type: 'fetch' }>;

if (nonce !== '' && peer !== null) {
  if (mayEmbed(embedder)) greet(peer);
  else say(`This preview may not be embedded by ${embedder || 'this page'}.`);
} else {
  // Loaded again: the address has been tidied up, and whoever embeds asks for another hello.
  nonce = '';
  addEventListener('message', returned);
  setTimeout(() => {
    if (nonce === '') say('This address shows a preview when the page it belongs to opens it.');
  }, patienceMs);
}

function returned({ source, origin, data }: MessageEvent<Partial<Return> | null>): void {
  // A tab's opener is forgotten, so that anybody who has hold of the tab may ask, if it is somebody who may embed.
  if ((!isTab && source !== parent) || source === self || !mayEmbed(origin)) return;
  if (data?.type !== 'nexxo:return' || typeof data.nonce !== 'string') return;
  removeEventListener('message', returned);
  [nonce, embedder] = [data.nonce, origin];
  greet(source as Window);
}

function greet(window: Window): void {
  peer = window;
  addEventListener('message', welcomed);
  const hello: Hello = { type: 'nexxo:hello', nonce };
  // Reaches that origin or nobody.
  window.postMessage(hello, embedder);
}

/** Which origins may embed is set where this folder is served; on this machine, those of the machine may. */
function mayEmbed(origin: string): boolean {
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) return false;
  const listed = document.querySelector<HTMLMetaElement>('meta[name=nexxo-embedders]')?.content.split(/\s+/).filter(Boolean) ?? [];
  const isLocal = (host: string): boolean => host === 'localhost' || host === '127.0.0.1' || host === '[::1]';
  // Another preview of this machine is not the page that embeds.
  return listed.includes(origin) || ((isLocal(location.hostname) || location.hostname.endsWith('.localhost')) && isLocal(new URL(origin).hostname));
}

function welcomed({ source, origin, data, ports: [given] }: MessageEvent<Partial<Welcome> | null>): void {
  if (source !== peer || origin !== embedder || data?.type !== 'nexxo:welcome' || data.nonce !== nonce || given === undefined) return;
  removeEventListener('message', welcomed);
  // The app must not get at the window that opened this one: it could lead it elsewhere.
  if (isTab) self.opener = null;
  peer = null;
  history.replaceState(null, '', location.pathname);
  port = given;
  port.onmessage = ({ data: message }: MessageEvent<ToShell>) => receive(message);
  void start();
}

async function start(): Promise<void> {
  try {
    if (!('serviceWorker' in navigator)) throw new Error('this browser has none here');
    navigator.serviceWorker.addEventListener('message', asked);
    navigator.serviceWorker.startMessages();
    const registration = await navigator.serviceWorker.register(serviceWorker, { scope: '/', updateViaCache: 'none' });
    await activated(registration);
  } catch (thrown) {
    send({ type: 'unavailable', reason: thrown instanceof Error ? thrown.message : String(thrown) });
    return;
  }
  addEventListener('message', joined);
  send({ type: 'ready' });
  for (const [request, reply] of early ?? []) send(request, [reply]);
  early = undefined;
}

function activated(registration: ServiceWorkerRegistration): Promise<void> {
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (worker === null || worker.state === 'redundant') reject(new Error('the service worker could not be installed'));
      else if (worker.state === 'activated') resolve();
    };
    worker?.addEventListener('statechange', look);
    look();
  });
}

/** The service worker asks for what a page of the app asked for. */
function asked({ data, ports: [reply] }: MessageEvent<AppMessage>): void {
  if (reply === undefined || data.type !== 'fetch') return;
  if (port !== undefined && early === undefined) send(data, [reply]);
  else early?.push([data, reply]);
}

/** A page of the app is there, with its ports. */
function joined({ source, origin, data, ports }: MessageEvent<{ type?: unknown; page?: unknown } | null>): void {
  if (origin !== location.origin || data?.type !== 'nexxo:page' || typeof data.page !== 'string' || ports.length !== 2) return;
  if (source !== shown?.contentWindow && source !== next?.contentWindow) return;
  send({ type: 'page', page: data.page }, [...ports]);
}

function receive(message: ToShell): void {
  if (message.type === 'show') show(message.path);
  else if (message.type === 'ping') send({ type: 'pong' });
  else if (message.type === 'history') shown?.contentWindow?.history.go(message.delta);
}

/** The old page stays until the new one is there, so that nothing flickers. */
function show(path: string): void {
  next?.remove();
  const frame = document.createElement('iframe');
  frame.title = 'The app';
  frame.src = path;
  frame.addEventListener('load', () => {
    if (frame === next) {
      shown?.remove();
      [shown, next] = [frame, undefined];
      frame.className = 'shown';
    }
    send({ type: 'loaded', path: pathOf(frame) });
  });
  next = frame;
  document.body.append(frame);
}

/** Where the app went; nothing where it left its origin. */
function pathOf(frame: HTMLIFrameElement): string {
  try {
    const { pathname, search, hash } = frame.contentWindow?.location ?? location;
    return `${pathname}${search}${hash}`.slice(0, 2_000);
  } catch {
    return '';
  }
}

function send(message: FromShell, transfer: Transferable[] = []): void {
  port?.postMessage(message, transfer);
}

function say(text: string): void {
  document.body.append(Object.assign(document.createElement('p'), { textContent: text }));
}
