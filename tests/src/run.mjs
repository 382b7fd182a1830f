// This file runs modules that the suite names, one after the other, and answers
// with what each prints.

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { format } from 'node:util';

let printed = '';
for (const level of ['log', 'info', 'warn', 'error', 'debug']) {
  console[level] = (...values) => void (printed += `${format(...values)}\n`);
}
const known = new Set(Object.getOwnPropertyNames(globalThis));
for await (const line of createInterface({ input: process.stdin })) {
  printed = '';
  try {
    await import(pathToFileURL(JSON.parse(line).path).href);
    // What the module has started and not waited for may print, too.
    await new Promise((resolve) => setImmediate(resolve));
  } catch (thrown) {
    printed += `threw ${thrown}\n`;
  }
  // The next one must not find what this one has left.
  for (const name of Object.getOwnPropertyNames(globalThis)) if (!known.has(name)) delete globalThis[name];
  process.stdout.write(`${JSON.stringify({ printed })}\n`);
}
