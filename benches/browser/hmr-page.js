// This file runs inside the page of `hmr.mjs`: it opens an app in a frame, edits
// it again and again, and sees each time that the frame shows the new text.

/** @param {number} size @param {number} edits */
globalThis.hmrBench = async (size, edits) => {
  const app = await (await fetch(`/app/${size}`)).json();
  const { createNexxo } = await import('/nexxo/index.js');
  const nexxo = await createNexxo({ cache: false });
  const project = nexxo.createProject({ files: app.files });
  const dev = project.dev({ input: app.entry, output: { legalComments: 'none' }, limits: { deadlineMs: 600_000 } });
  const { id, result } = await dev.open();
  if (!result.ok) throw new Error(result.diagnostics.map(({ message }) => message).join('\n'));

  const frame = document.createElement('iframe');
  frame.style.cssText = 'width: 800px; height: 600px';
  document.body.append(frame);
  const inner = frame.contentWindow;
  inner.document.body.innerHTML = '<div id="root"></div>';
  const { port1, port2 } = new MessageChannel();
  const clock = { patch: 0, evaluated: 0 };
  inner.__nexxo_hmr__ = {
    send: (message) => port2.postMessage(message),
    listen(receive) {
      port2.onmessage = ({ data }) => receive(data);
    },
    reload() {},
  };
  dev.attach(id, {
    postMessage(message) {
      clock.patch = performance.now();
      port1.postMessage(message);
    },
    get onmessage() {
      return port1.onmessage;
    },
    set onmessage(listener) {
      port1.onmessage = listener;
    },
  });
  let settle;
  dev.on('report', (report) => {
    clock.evaluated = performance.now();
    settle?.(report);
  });
  const url = URL.createObjectURL(new Blob([result.outputFiles[0].contents], { type: 'text/javascript' }));
  const script = inner.document.createElement('script');
  script.type = 'module';
  script.src = url;
  inner.document.head.append(script);
  const shows = (text) => inner.document.body.textContent.includes(text);
  await until(() => shows(app.edits.leaf.texts[0]));

  const values = Object.entries(app.edits).map(([place, edit]) => ({ place, edit, patchMs: [], evaluatedMs: [], paintMs: [], outputMs: [] }));
  // The first edits compile the engine's functions for them, as they would for anybody.
  for (let turn = -3; turn < edits; turn += 1) {
    for (const value of values) {
      const { path, texts } = value.edit;
      const text = texts[(turn + 4) % 2];
      const before = texts[(turn + 5) % 2];
      await new Promise((resolve) => setTimeout(resolve, 30));
      const reported = new Promise((resolve) => (settle = resolve));
      const source = project.read(path).replace(before, text);
      const start = performance.now();
      project.write(path, source);
      const updated = dev.update();
      const report = await reported;
      if (report.type !== 'updated') throw new Error(`${path}: ${report.reason}`);
      await new Promise((resolve) => inner.requestAnimationFrame(() => setTimeout(resolve)));
      const painted = performance.now();
      await updated;
      if (!shows(text)) throw new Error(`The frame does not show ${text}.`);
      if (turn < 0) continue;
      value.patchMs.push(clock.patch - start);
      value.evaluatedMs.push(clock.evaluated - start);
      value.paintMs.push(painted - start);
    }
    // Every fifth, so that it is another text each time than at the last output.
    if (turn < 0 || turn % 5 > 0) continue;
    const start = performance.now();
    const whole = await dev.build();
    if (!whole.ok) throw new Error(whole.diagnostics[0].message);
    values[0].outputMs.push(performance.now() - start);
  }
  nexxo.dispose();
  return values.map(({ edit: _, ...value }) => value);
};

/** @param {() => boolean} test */
async function until(test) {
  const end = performance.now() + 60_000;
  while (!test()) {
    if (performance.now() > end) throw new Error('The app did not show.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
