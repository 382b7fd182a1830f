// This file is an app that means harm: each test tries one way out of the
// preview, or one to make the page around it unusable, and looks at that page.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { appFrame, embed } from './embed.mjs';
import { newContext, site, until } from './harness.mjs';

const files = {
  'index.html': '<!doctype html><title>App</title><div id="root"></div><script type="module" src="/src/main.js"></script>',
  'src/main.js': `document.querySelector('#root').textContent = 'app'; import './word.js'; if (import.meta.hot) import.meta.hot.accept();`,
  'src/word.js': `globalThis.word = 'one'; if (import.meta.hot) import.meta.hot.accept();`,
  'public/note.txt': 'a note',
  'secrets.json': '{"secret":"SOURCE-SECRET"}',
};

/** A page with secrets of its own, and the app in it. */
async function open(changes = {}) {
  const embedded = await embed({ ...files, ...changes }, { input: 'src/main.js' });
  const { page } = embedded;
  await page.evaluate(async () => {
    localStorage.setItem('secret', 'PAGE-SECRET');
    sessionStorage.setItem('secret', 'PAGE-SECRET');
    document.cookie = 'secret=PAGE-SECRET';
    await (await caches.open('secret')).put('/secret', new Response('PAGE-SECRET'));
    await new Promise((resolve) => {
      const request = indexedDB.open('secret');
      request.onsuccess = () => resolve(request.result.close());
    });
    window.overheard = [];
    new BroadcastChannel('secret').onmessage = ({ data }) => window.overheard.push(data);
    navigator.locks.request('secret', () => new Promise(() => {}));
  });
  return { ...embedded, address: page.url() };
}

/** The page still does what it is told, and is where it was. */
async function isWell({ page, address }) {
  const answer = page.evaluate(() => new Promise((resolve) => setTimeout(() => resolve(localStorage.getItem('secret')))));
  const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'the page did not answer'));
  assert.equal(await Promise.race([answer, late]), 'PAGE-SECRET');
  assert.equal(page.url(), address);
}

const attempts = (frame, names, argument) =>
  frame.evaluate(
    async ([names, argument]) => {
      const found = {};
      for (const [name, code] of Object.entries(names)) {
        try {
          found[name] = `got ${String(await (0, eval)(`async (argument) => { ${code} }`)(argument))}`;
        } catch (thrown) {
          found[name] = thrown?.name ?? String(thrown);
        }
      }
      return found;
    },
    [names, argument],
  );

test('1–3: the page’s document, storage and sources are out of reach', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  const found = await attempts(app, {
    parentDocument: 'return parent.parent.document.title',
    topDocument: 'return top.document.body.innerHTML',
    topStorage: 'return top.localStorage.secret',
    topProject: 'return top.project',
    ownerFrame: 'return parent.frameElement && parent.frameElement.ownerDocument.title',
    localStorage: 'return localStorage.getItem("secret")',
    sessionStorage: 'return sessionStorage.getItem("secret")',
    cookie: 'return document.cookie',
    caches: 'return await (await caches.open("secret")).match("/secret")',
    databases: 'return (await indexedDB.databases()).map(({ name }) => name).join()',
    locks: 'return (await navigator.locks.query()).held.length',
    source: 'return (await fetch("/secrets.json")).status',
    sources: 'return (await fetch("/src/main.js")).status',
    config: 'return (await fetch("/package.json")).status',
    opaque: `return (await fetch(${JSON.stringify(site.url)}, { mode: 'no-cors', credentials: 'include' })).type`,
    readable: `return (await fetch(${JSON.stringify(site.url)})).status`,
  });
  for (const barred of ['parentDocument', 'topDocument', 'topStorage', 'topProject']) assert.equal(found[barred], 'SecurityError', barred);
  assert.deepEqual(
    [found.ownerFrame, found.localStorage, found.sessionStorage, found.cookie, found.caches, found.databases, found.locks],
    ['got null', 'got null', 'got null', 'got ', 'got undefined', 'got ', 'got 0'],
  );
  assert.deepEqual([found.source, found.sources, found.config, found.readable], ['got 404', 'got 404', 'got 404', 'TypeError']);
  assert.equal(found.opaque, 'got opaque');
  await app.evaluate(() => new BroadcastChannel('secret').postMessage('HEARD'));
  await isWell(opened);
  assert.deepEqual(await opened.page.evaluate(() => window.overheard), []);
});

test('4–6: the page is not led away, and no window, dialog or permission is to be had', async () => {
  const opened = await open();
  const dialogs = [];
  opened.page.on('dialog', (dialog) => {
    dialogs.push(dialog.type());
    void dialog.dismiss();
  });
  const app = await appFrame(opened.page, 'app');
  const found = await attempts(app, {
    top: 'top.location = "about:blank"; return "done"',
    parent: 'parent.parent.location.href = "about:blank"; return "done"',
    link: 'const a = Object.assign(document.createElement("a"), { href: "about:blank", target: "_top" }); document.body.append(a); a.click(); return "clicked"',
    popup: 'return open("about:blank")',
    sandbox: 'parent.frameElement.removeAttribute("sandbox")',
    camera: 'await navigator.mediaDevices.getUserMedia({ video: true }); return "seen"',
    clipboard: 'return await navigator.clipboard.readText()',
    place: 'return await new Promise((resolve, reject) => navigator.geolocation.getCurrentPosition(resolve, reject))',
    alerts: 'for (let at = 0; at < 1000; at += 1) { alert(at); confirm(at); prompt(at); } return "through"',
  });
  assert.equal(found.top, 'SecurityError');
  assert.equal(found.parent, 'SecurityError');
  assert.equal(found.popup, 'got null');
  assert.equal(found.sandbox, 'TypeError');
  for (const barred of ['camera', 'clipboard', 'place']) assert.doesNotMatch(found[barred], /^got/, `${barred} ${found[barred]}`);
  assert.equal(found.alerts, 'got through');
  assert.deepEqual(dialogs, []);
  await isWell(opened);
  assert.equal(opened.context.pages().length, 1);
});

test('7: an endless loop leaves the page usable; it is stopped in less than a second, and another app runs', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  void app.evaluate(() => setTimeout(() => { for (;;); })).catch(() => {});
  await opened.page.waitForTimeout(300);
  await isWell(opened);
  const took = await opened.page.evaluate(() => {
    const started = performance.now();
    window.preview.stop();
    return [performance.now() - started, document.querySelectorAll('iframe').length];
  });
  assert.ok(took[0] < 1_000, `${took[0]} ms`);
  assert.equal(took[1], 0);
  await opened.write({ 'src/word.js': `globalThis.word = 'two';` });
  await opened.page.evaluate(() => window.preview.reload());
  const again = await appFrame(opened.page, 'app');
  assert.equal(await again.evaluate(() => globalThis.word), 'two');
  await isWell(opened);
});

test('8: an app whose script never ends is stopped as well', async () => {
  const opened = await open();
  await appFrame(opened.page, 'app');
  await opened.write({ 'src/word.js': 'for (;;);' });
  await isWell(opened);
  await opened.write({ 'src/word.js': `globalThis.word = 'three';` });
  await opened.page.evaluate(() => window.preview.stop());
  await opened.page.evaluate(() => window.preview.reload());
  assert.equal(await (await appFrame(opened.page, 'app')).evaluate(() => globalThis.word), 'three');
});

test('9: storage that is filled is the app’s own', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  const filled = await app.evaluate(() => {
    const piece = 'x'.repeat(512 * 1024);
    for (let at = 0; at < 100; at += 1) {
      try {
        localStorage.setItem(`flood${at}`, piece);
      } catch (thrown) {
        return thrown.name;
      }
    }
    return 'without end';
  });
  assert.equal(filled, 'QuotaExceededError');
  await opened.page.evaluate(() => localStorage.setItem('more', 'y'.repeat(100 * 1024)));
  await isWell(opened);
});

test('10–11: a flood of messages ends the app, not the page', async () => {
  for (const flood of [
    () => { for (let at = 0; at < 200_000; at += 1) globalThis.__nexxo_hmr__.send({ type: 'custom', event: 'x', data: at }); },
    () => { for (let at = 0; at < 200_000; at += 1) parent.parent.postMessage({ type: 'nexxo:hello', nonce: String(at) }, '*'); },
  ]) {
    const opened = await open();
    const app = await appFrame(opened.page, 'app');
    void app.evaluate(flood).catch(() => {});
    const stopped = await until(opened.page, 'the app is stopped', async () => (await opened.took()).find(({ name }) => name === 'stopped'));
    assert.equal(stopped.reason.code, 'PREVIEW_FLOODED');
    await isWell(opened);
    assert.equal(await opened.page.locator('iframe').count(), 0);
  }
});

test('12: only the preview’s own service worker can be registered, and one that is taken away comes back', async () => {
  const opened = await open({ 'public/evil-sw.js': 'addEventListener("fetch", (event) => event.respondWith(new Response("EVIL")))' });
  const app = await appFrame(opened.page, 'app');
  const found = await attempts(app, {
    own: 'return (await navigator.serviceWorker.register("/evil-sw.js")).scope',
    deep: 'return (await navigator.serviceWorker.register("/src/main.js", { scope: "/" })).scope',
    data: 'return (await navigator.serviceWorker.register("data:text/javascript,1")).scope',
    blob: 'return (await navigator.serviceWorker.register(URL.createObjectURL(new Blob(["1"], { type: "text/javascript" })))).scope',
  });
  for (const [name, outcome] of Object.entries(found)) assert.doesNotMatch(outcome, /^got/, `${name} ${outcome}`);
  await app.evaluate(async () => {
    for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
    for (const name of await caches.keys()) await caches.delete(name);
    localStorage.clear();
  });
  await opened.page.evaluate(() => (window.preview.stop(), window.preview.reload()));
  await appFrame(opened.page, 'app');
  await isWell(opened);
});

test('13: forged, repeated and misshapen messages are dropped', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  await app.evaluate(() => {
    const channel = () => [new MessageChannel().port1, new MessageChannel().port1];
    const top = parent.parent;
    for (const data of [
      { type: 'nexxo:hello', nonce: '' }, { type: 'nexxo:hello', nonce: 'guessed' }, { type: 'nexxo:hello', nonce: { toString: 1 } },
      { type: 'nexxo:welcome', nonce: 'guessed' }, null, 1, 'nexxo:hello', [], { type: ['nexxo:hello'] }, { __proto__: { type: 'nexxo:hello' } },
    ]) {
      top.postMessage(data, '*');
      parent.postMessage(data, '*');
      top.postMessage(data, '*', [new MessageChannel().port1]);
    }
    // A page that was never answered, one that is another's, and one that has joined already.
    for (const page of ['page-1', 'page-99', '', '__proto__', 'broken-1', { length: 1 }]) parent.postMessage({ type: 'nexxo:page', page }, '*', channel());
    for (const message of [
      { type: 'updated', seq: 1, files: 1, boundaries: [], replaced: [] }, { type: 'updated', seq: 1, files: [], boundaries: [null], replaced: [] },
      { type: 'factories', request: 'x', modules: ['../secrets.json'] }, { type: 'constructor' }, { type: '__proto__' }, null, [], 7,
    ]) globalThis.__nexxo_hmr__.send(message);
    const circle = { type: 'custom', event: 'circle' };
    circle.data = circle;
    globalThis.__nexxo_hmr__.send(circle);
    globalThis.__nexxo_hmr__.send({ type: 'custom', event: 'large', data: 'x'.repeat(64 * 1024 * 1024) });
  });
  await isWell(opened);
  // The one page goes on as before.
  await opened.write({ 'src/word.js': `globalThis.word = 'after'; if (import.meta.hot) import.meta.hot.accept();` });
  await until(opened.page, 'the module is replaced', async () => (await (await appFrame(opened.page)).evaluate(() => globalThis.word)) === 'after');
  assert.equal((await opened.took()).filter(({ name }) => name === 'ready').length, 1);
  assert.equal((await opened.took()).filter(({ name }) => name === 'load').length, 1);
});

test('14: builtins that are bent stay bent in the app alone', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  await app.evaluate(() => {
    MessagePort.prototype.postMessage = () => {};
    Array.prototype.map = () => ['EVIL'];
    JSON.stringify = () => 'EVIL';
    Object.prototype.then = function then(resolve) { delete Object.prototype.then; resolve('EVIL'); };
    Object.defineProperty(Object.prototype, 'type', { get: () => 'EVIL', set() {}, configurable: true });
    delete Object.prototype.type;
    console.log('still here');
  });
  await until(opened.page, 'the line comes', async () => JSON.stringify(await opened.took()).includes('still here'));
  assert.equal(await opened.page.evaluate(() => [1].map((one) => one + 1)[0] + JSON.stringify({ a: 1 })), '2{"a":1}');
  await isWell(opened);
});

test('15: a preview that goes elsewhere is told nothing more', async () => {
  const heard = [];
  const evil = createServer((request, response) => {
    if (request.method === 'POST') {
      request.on('data', (data) => heard.push(String(data)));
      response.end();
      return;
    }
    response.setHeader('content-type', 'text/html').end(`<script>addEventListener('message', ({ data }) => fetch('/', { method: 'POST', body: JSON.stringify(data) })); for (const to of [parent, top]) to.postMessage({ type: 'nexxo:page', page: 'page-1' }, '*', [new MessageChannel().port1, new MessageChannel().port1]); fetch('/', { method: 'POST', body: 'here' });</script>`);
  });
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  try {
    const opened = await open();
    const app = await appFrame(opened.page, 'app');
    const address = `http://127.0.0.1:${evil.address().port}/`;
    await assert.rejects(app.evaluate((address) => void (parent.location = address), address), /SecurityError/);
    await app.evaluate((address) => void (location = address), address);
    await until(opened.page, 'it is elsewhere', () => heard.includes('here'));
    await opened.write({ 'src/word.js': `globalThis.word = 'SECRET-EDIT';` });
    await opened.page.evaluate(() => window.preview.show([]));
    await opened.page.waitForTimeout(500);
    assert.deepEqual(heard, ['here']);
    await isWell(opened);
    await opened.page.evaluate(() => (window.preview.stop(), window.preview.reload()));
    assert.equal(await (await appFrame(opened.page, 'app')).evaluate(() => globalThis.word), 'SECRET-EDIT');
  } finally {
    evil.closeAllConnections();
    evil.close();
  }
});

test('16: a history that is filled, and documents that are written over, are the app’s matter', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  await app.evaluate(() => {
    for (let at = 0; at < 5_000; at += 1) {
      try {
        history.pushState({ at }, '', `/${at}`);
      } catch {
        // A browser stops this by itself after a while.
        break;
      }
    }
    document.open();
    document.write('<p>written</p>');
    document.close();
  });
  await isWell(opened);
  await opened.page.evaluate(() => window.preview.navigate('/'));
  await appFrame(opened.page, 'app');
});

test('17: no address leads to what is not served', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  const paths = [
    '/__nexxo/../secrets.json', '/__nexxo/%2e%2e/secrets.json', '/%2e%2e/secrets.json', '/public/../../secrets.json', '/..%2fsecrets.json',
    '/%2e%2e%2fsecrets.json', '/..%5csecrets.json', '/note.txt/../../secrets.json', '/secrets.json%00', '/./secrets.json', '//secrets.json', '/%', '/%ff',
    '/__proto__', '/constructor', '/toString', '/public/note.txt', '/nexxo.config.json', '/__nexxo-sw.js/../secrets.json',
  ];
  const bodies = await app.evaluate(async (paths) => {
    const got = [];
    for (const path of paths) got.push(await fetch(path).then((response) => response.text(), (thrown) => thrown.name));
    return got;
  }, paths);
  for (const [at, body] of bodies.entries()) assert.doesNotMatch(body, /SOURCE-SECRET|a note/, paths[at]);
  await isWell(opened);
});

test('18: a page of somebody else’s can neither frame the preview nor speak with its shell', async () => {
  const { page } = await open();
  const shell = new URL('/__nexxo/', await (await appFrame(page, 'app')).evaluate(() => location.href)).href;
  const { context } = await newContext();
  await context.route('http://evil.test/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: `<iframe src="${shell}#guessed,http://evil.test"></iframe><script>addEventListener('message', ({ data }) => (document.title += JSON.stringify(data)))</script>` }),
  );
  const evil = await context.newPage();
  await evil.goto('http://evil.test/');
  await evil.waitForTimeout(500);
  const framed = await (await evil.$('iframe')).contentFrame();
  assert.equal(await framed.evaluate(() => document.querySelector('script[src]')).catch(() => null), null);
  assert.equal(await evil.title(), '');
  // And where nothing forbids the frame, the shell asks who is there.
  const alone = await context.newPage();
  await alone.goto(`${shell}#guessed,http://evil.test`);
  await alone.getByText(/shows a preview when the page it belongs to opens it/).waitFor();
});

test('19: two previews have nothing in common', async () => {
  const opened = await open();
  const first = await appFrame(opened.page, 'app');
  await first.evaluate(() => localStorage.setItem('mine', 'FIRST'));
  await opened.page.evaluate(() => (window.preview.stop(), window.preview.reload()));
  const second = await appFrame(opened.page, 'app');
  assert.equal(await second.evaluate(() => localStorage.getItem('mine')), null);
});
