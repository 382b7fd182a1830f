// This file is the first module of every page that `nexxo dev` serves. It is the
// WebSocket's side of hot module replacement, shows what is wrong over the app,
// and brings the page back when the server was away.

import { hideOverlay, showOverlay } from '../../nexxo/hmr/overlay.ts';
import type { FromPage, ToPage } from '../../../worker/src/protocol.ts';

/** What the server put into the page. */
interface Config {
  page: string;
  token: string;
  base: string;
  /** What is wrong with the build that this page is there to show. */
  problems: Parameters<typeof showOverlay>[0];
}

const element = document.querySelector<HTMLScriptElement>('script#nexxo-page');
const config = JSON.parse(element?.textContent ?? '{}') as Config;
element?.remove();

/** What the app's client listens with, once it is there. */
let receive: ((message: ToPage) => void) | undefined;
const early: ToPage[] = [];
/** What was said before the socket was open, or while the laptop slept. */
const waiting: FromPage[] = [];
let socket: WebSocket | undefined;
let tries = 0;
let isLeaving = false;

(globalThis as { __nexxo_hmr__?: unknown }).__nexxo_hmr__ = {
  send,
  listen(listener: (message: ToPage) => void) {
    receive = listener;
    for (const message of early.splice(0)) listener(message);
  },
  reload: () => location.reload(),
};
addEventListener('pagehide', () => (isLeaving = true));
// A page that comes back from the browser's memory has missed what came since.
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});
if (config.problems.length > 0) showOverlay(config.problems);
open();

function open(): void {
  const address = new URL('/@nexxo/socket', location.href);
  address.protocol = address.protocol.replace('http', 'ws');
  address.search = `token=${config.token}&page=${config.page}`;
  const made = new WebSocket(address);
  socket = made;
  made.addEventListener('open', () => {
    if (tries > 0) hear({ type: 'custom', event: 'vite:ws:connect', data: {} });
    tries = 0;
    for (const message of waiting.splice(0)) made.send(JSON.stringify(message));
  });
  made.addEventListener('message', ({ data }) => hear(JSON.parse(String(data)) as ToPage));
  made.addEventListener('close', () => {
    if (isLeaving) return;
    if (tries === 0) hear({ type: 'custom', event: 'vite:ws:disconnect', data: {} });
    tries += 1;
    setTimeout(() => void comeBack(), Math.min(200 * 1.5 ** tries, 3_000));
  });
}

/** Goes on where the server is the one from before; another one has another token, and the page loads again. */
async function comeBack(): Promise<void> {
  let status = 0;
  try {
    status = (await fetch(`/@nexxo/alive?token=${config.token}`, { cache: 'no-store' })).status;
  } catch {
    // It is still away.
  }
  if (status === 200) open();
  else if (status === 403) location.reload();
  else setTimeout(() => void comeBack(), Math.min(200 * 1.5 ** (tries += 1), 3_000));
}

function hear(message: ToPage): void {
  if (message.type === 'error') showOverlay(message.diagnostics);
  else if (message.type === 'update') hideOverlay();
  // A page without an app in it, as it shows what is wrong.
  else if (message.type === 'reload' && receive === undefined) location.reload();
  if (receive === undefined) early.push(message);
  else receive(message);
}

function send(message: FromPage): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  else waiting.push(message);
}
