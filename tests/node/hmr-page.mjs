// This file is a page as hot module replacement sees it, in a thread of Node: it
// runs an output, talks to `Dev` by messages, and notes what the app says with `log`.

import { Worker } from 'node:worker_threads';

const bootstrap = `
  const { parentPort } = require('node:worker_threads');
  const run = (code) => import('data:text/javascript;base64,' + Buffer.from(code).toString('base64'));
  globalThis.log = (...words) => parentPort.postMessage({ log: words.map(String).join(' ') });
  console.error = console.warn = (...words) => parentPort.postMessage({ log: 'console: ' + words.map((word) => word?.message ?? String(word)).join(' ') });
  process.on('unhandledRejection', (error) => parentPort.postMessage({ log: 'unhandled: ' + error.message }));
  let receive, early = [];
  parentPort.on('message', ({ toPage, code, ask }) => {
    if (code !== undefined) run(code).then(() => parentPort.postMessage({ ran: true }), (error) => parentPort.postMessage({ ran: false, log: 'threw ' + error.message }));
    else if (ask !== undefined) parentPort.postMessage({ answer: ask, value: String((0, eval)(ask)) });
    else if (receive) receive(toPage);
    else early.push(toPage);
  });
  globalThis.__nexxo_hmr__ = {
    send: (message) => parentPort.postMessage({ fromPage: message }),
    listen(listener) { receive = listener; for (const message of early.splice(0)) receive(message); },
    reload() {},
    run,
  };
`;

/** Opens a page on what `dev` builds now, with its app running. */
export async function openPage(dev) {
  const { id, result } = await dev.open();
  if (!result.ok) throw new Error(result.diagnostics.map(({ code, message }) => `${code}: ${message}`).join('\n'));
  const worker = new Worker(bootstrap, { eval: true });
  const [entry, ...others] = result.outputFiles.filter(({ type }) => type === 'chunk');
  if (others.length > 0) throw new Error('A page of one file was meant.');
  const page = { id, log: [], result, worker, port: undefined, close: () => worker.terminate(), sent: [] };
  const port = {
    onmessage: null,
    postMessage(message) {
      page.sent.push(message);
      worker.postMessage({ toPage: message });
    },
  };
  const waiting = [];
  const wake = () => {
    for (const check of waiting.splice(0)) check();
  };
  worker.on('message', (message) => {
    if (message.log !== undefined) page.log.push(message.log);
    if (message.fromPage !== undefined) {
      port.onmessage({ data: message.fromPage });
      page.said = message.fromPage;
    }
    if (message.ran !== undefined) page.ran = message.ran;
    wake();
  });
  page.port = port;
  dev.attach(id, port);
  /** Waits until something is so. */
  page.until = (what, test) =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${what} did not come: ${JSON.stringify(page.log)}`)), 10_000);
      const check = () => {
        if (!test()) return void waiting.push(check);
        clearTimeout(late);
        resolve();
      };
      check();
    });
  worker.postMessage({ code: entry.text });
  await page.until('the first run', () => page.ran !== undefined);
  return page;
}
