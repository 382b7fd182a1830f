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
    await opened.page.evaluate(() => window.preview.reload());
    await appFrame(opened.page, 'app');
    assert.match(await opened.page.evaluate(() => window.preview.mode), /served/);
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

/** Measures how long the page did nothing at all, from now on. */
async function watch({ page }) {
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    setInterval(() => {
      const now = performance.now();
      window.longest = Math.max(window.longest, now - last);
      last = now;
    }, 10);
  });
  return () => page.evaluate(() => window.longest);
}
/** No message of an app is worth so long; what is tried here takes many times as long where nothing is done about it. */
const bearableMs = 3_000;

const wasStopped = async ({ took }) => (await took()).find(({ name }) => name === 'stopped')?.reason?.code === 'PREVIEW_FLOODED';

test('20–21: frames within the app, and messages that are long to read, cannot keep the page busy', async () => {
  for (const flood of [
    () => {
      const frame = Object.assign(document.createElement('iframe'), { sandbox: 'allow-scripts' });
      frame.srcdoc = `<script>const text = 'x'.repeat(1000); setInterval(() => { for (let at = 0; at < 20000; at += 1) top.postMessage({ type: 'nexxo:hello', nonce: text }, '*'); }, 10)</scr` + `ipt>`;
      document.body.append(frame);
    },
    () => {
      const data = Array.from({ length: 200_000 }, (_, at) => ({ at, more: [at, { text: `x${at}` }] }));
      setInterval(() => globalThis.__nexxo_hmr__.send({ type: 'custom', event: 'x', data }), 1);
    },
  ]) {
    const opened = await open();
    const app = await appFrame(opened.page, 'app');
    const longest = await watch(opened);
    void app.evaluate(flood).catch(() => {});
    await until(opened.page, 'the app is stopped', () => wasStopped(opened));
    assert.ok((await longest()) < bearableMs, `${await longest()} ms`);
    await isWell(opened);
  }
});

test('22: a large file that is asked for without end is not copied each time', async () => {
  const opened = await open({ 'public/large.txt': 'x'.repeat(5_000_000) });
  const app = await appFrame(opened.page, 'app');
  const longest = await watch(opened);
  void app.evaluate(() => void setInterval(() => { for (let at = 0; at < 40; at += 1) void fetch('/large.txt').catch(() => {}); }, 10)).catch(() => {});
  await opened.page.waitForTimeout(3_000);
  assert.ok((await longest()) < bearableMs, `${await longest()} ms`);
  await isWell(opened);
});

test('23: stacks that are made to be slow to read are not', async () => {
  const opened = await open();
  const app = await appFrame(opened.page, 'app');
  const longest = await watch(opened);
  await app.evaluate(() => {
    for (const line of [`${'('.repeat(9_000)}a:1:1${')'.repeat(9_000)}`, `${' '.repeat(19_000)}:`]) {
      for (let at = 0; at < 20; at += 1) void Promise.reject(Object.assign(new Error('slow'), { stack: `Error: slow\n    at ${line}` }));
    }
  });
  await until(opened.page, 'the errors are told', async () => (await opened.took()).filter(({ name }) => name === 'error').length === 40);
  assert.ok((await longest()) < bearableMs, `${await longest()} ms`);
});

test('24–25: an app that asks the engine without end does not keep it from the author’s edits', async () => {
  for (const flood of [
    () => void setInterval(() => { for (let at = 0; at < 30; at += 1) globalThis.__nexxo_hmr__.send({ type: 'factories', request: at, modules: ['src/large.js', 'src/main.js'] }); }, 10),
    () => { for (let at = 0; at < 1_000; at += 1) document.body.append(Object.assign(document.createElement('iframe'), { src: `/?${at}` })); },
  ]) {
    const large = Array.from({ length: 4_000 }, (_, at) => `export function f${at}(a, b) { return a > ${at} ? [a, b, ${at}].join('text ${at}') : b; }`).join('\n');
    const opened = await open({ 'src/large.js': large, 'src/main.js': `import * as large from './large.js'; globalThis.large = large; ${files['src/main.js']}` });
    const app = await appFrame(opened.page, 'app');
    void app.evaluate(flood).catch(() => {});
    await opened.page.waitForTimeout(2_000);
    const edited = opened.write({ 'src/word.js': `globalThis.word = 'two'; if (import.meta.hot) import.meta.hot.accept();` }).then(() => 'edited');
    const late = new Promise((resolve) => setTimeout(resolve, 10_000, 'the edit did not come through'));
    assert.equal(await Promise.race([edited, late]), 'edited');
    await isWell(opened);
  }
});

test('26: a shell that the app loads again, or leads elsewhere, is told nothing but who is there; the app comes back', async () => {
  const heard = [];
  const evil = createServer((request, response) => {
    if (request.method === 'POST') {
      request.on('data', (data) => heard.push(String(data)));
      response.end();
      return;
    }
    response.setHeader('content-type', 'text/html').end(`<script>addEventListener('message', ({ data }) => fetch('/', { method: 'POST', body: JSON.stringify(data) })); top.postMessage({ type: 'nexxo:hello', nonce: 'guessed' }, '*'); fetch('/', { method: 'POST', body: 'here' });</script>`);
  });
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  try {
    const opened = await open();
    const app = await appFrame(opened.page, 'app');
    // Only who embeds may ask for another hello.
    await app.evaluate(() => parent.postMessage({ type: 'nexxo:return', nonce: 'guessed' }, '*'));
    await app.evaluate(() => parent.eval('location.reload()')).catch(() => {});
    await until(opened.page, 'the app is loaded again by itself', async () => (await opened.took()).filter(({ name }) => name === 'ready').length === 2);
    const again = await appFrame(opened.page, 'app');
    await again.evaluate((address) => parent.eval(`location = ${JSON.stringify(address)}`), `http://evil.localhost:${evil.address().port}/`).catch(() => {});
    await until(opened.page, 'it is elsewhere', () => heard.includes('here'));
    await opened.write({ 'src/word.js': `globalThis.word = 'SECRET-EDIT';` });
    await opened.page.evaluate(() => window.preview.show([]));
    await opened.page.waitForTimeout(500);
    assert.deepEqual(heard, ['here']);
    await isWell(opened);
    await opened.page.evaluate(() => window.preview.reload());
    assert.equal(await (await appFrame(opened.page, 'app')).evaluate(() => globalThis.word), 'SECRET-EDIT');
  } finally {
    evil.closeAllConnections();
    evil.close();
  }
});

test('27: one preview cannot pose as the page that embeds another', async () => {
  const { page } = await open();
  const shell = new URL('/__nexxo/', await (await appFrame(page, 'app')).evaluate(() => location.href)).href;
  const { context } = await newContext();
  const other = await context.newPage();
  const heardBy = (address) =>
    other.goto(address).then(() =>
      other.evaluate(async (shell) => {
        const heard = [];
        addEventListener('message', ({ data }) => heard.push(data.type));
        const opened = open(`${shell}#${encodeURIComponent(`guessed,${location.origin}`)}`);
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        opened.postMessage({ type: 'nexxo:return', nonce: 'guessed' }, '*');
        await new Promise((resolve) => setTimeout(resolve, 500));
        opened.close();
        return heard;
      }, shell),
    );
  assert.deepEqual(await heardBy(new URL(shell).origin.replace(/\/\/[\w-]+\./, '//other.')), []);
  // The same from this machine's own page is answered, so that there is something to refuse.
  assert.deepEqual(await heardBy(`${site.url}licenses.txt`), ['nexxo:hello']);
});

test('28: what has a name in the page has another owner in the app', async () => {
  const opened = await open();
  await opened.page.evaluate(async () => {
    const folder = await navigator.storage.getDirectory();
    await folder.getFileHandle('secret.txt', { create: true });
  });
  const app = await appFrame(opened.page, 'app');
  const found = await attempts(app, {
    domain: 'document.domain = "localhost"; return document.domain',
    cookie: 'document.cookie = "tossed=1; domain=localhost; path=/"; return "tried"',
    folder: 'for await (const name of (await navigator.storage.getDirectory()).keys()) return name; return "nothing"',
    lock: 'return await navigator.locks.request("secret", { ifAvailable: true }, (lock) => lock !== null)',
  });
  assert.deepEqual([found.domain, found.folder, found.lock], ['SecurityError', 'got nothing', 'got true']);
  // It could fill the page's requests, or stand in for the page's own.
  assert.equal(await opened.page.evaluate(() => document.cookie), 'secret=PAGE-SECRET');
  const [tab] = await Promise.all([opened.context.waitForEvent('page'), opened.page.evaluate(() => window.preview.openInNewTab('/'))]);
  await (await appFrame(tab, 'app', '')).evaluate(() => void (document.cookie = 'tossed=1; domain=localhost; path=/'));
  assert.equal(await opened.page.evaluate(() => document.cookie), 'secret=PAGE-SECRET');
  await isWell(opened);
});

test('29: an app that speaks for its page by itself cannot lead the preview elsewhere', async () => {
  const asked = [];
  const evil = createServer((request, response) => {
    asked.push(request.url);
    response.end();
  });
  await new Promise((resolve) => evil.listen(0, '127.0.0.1', resolve));
  try {
    const opened = await open();
    const app = await appFrame(opened.page, 'app');
    const address = `//127.0.0.1:${evil.address().port}/led`;
    await app.evaluate(async (address) => {
      // A page's number is taken from a frame that never introduces it, as its parent is not the shell.
      const frame = Object.assign(document.createElement('iframe'), { src: '/within' });
      document.body.append(frame);
      await new Promise((resolve) => (frame.onload = resolve));
      const { page } = frame.contentDocument.querySelector('script[data-page]').dataset;
      const [modules, rest] = [new MessageChannel(), new MessageChannel()];
      parent.postMessage({ type: 'nexxo:page', page }, location.origin, [modules.port2, rest.port2]);
      for (const path of [address, `/\\${address.slice(2)}`]) rest.port1.postMessage({ type: 'location', path, title: '' });
      rest.port1.postMessage({ type: 'open', file: '../../outside', line: NaN, column: -1 });
    }, address);
    // It is taken for the page, and what it says is told; it just leads nowhere.
    await until(opened.page, 'the place is told', async () => (await opened.took()).some(({ path }) => path === address));
    await opened.page.evaluate(() => window.preview.reload());
    await appFrame(opened.page, 'app');
    const [tab] = await Promise.all([opened.context.waitForEvent('page'), opened.page.evaluate((path) => window.preview.openInNewTab(path), address)]);
    await appFrame(tab, 'app', '');
    assert.deepEqual(asked, []);
    await isWell(opened);
  } finally {
    evil.closeAllConnections();
    evil.close();
  }
});

test('30: a preview never gets the page’s own origin, nor leave to lead it elsewhere', async () => {
  const opened = await open();
  const frames = await opened.page.evaluate(async () => {
    const options = { host: document.body, source: window.dev, files: window.project, inline: '/preview/__nexxo/inline.html' };
    const refusals = [];
    for (const more of [{ origin: 'nonsense' }, { origin: 'https://a.example/path' }, { origin: 'javascript:alert(1)' }, { origin: 'https://b.example', sandbox: ['allow-top-navigation'] }, { sandbox: ['allow-top-navigation-by-user-activation'] }]) {
      try {
        window.createPreview({ ...options, ...more });
        refusals.push('none');
      } catch (thrown) {
        refusals.push(thrown.name);
      }
    }
    const same = window.createPreview({ ...options, origin: location.origin, sandbox: ['allow-same-origin'] });
    return { refusals, mode: same.mode, sandbox: document.body.lastElementChild.getAttribute('sandbox') };
  });
  assert.deepEqual(frames, { refusals: Array(5).fill('TypeError'), mode: 'inline', sandbox: 'allow-scripts' });
});
