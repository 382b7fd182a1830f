// This file makes a small project in a temporary folder, builds it with the command, and gives
// what an oracle needs to judge the output: names, contents, pages, and what it prints when run.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What an oracle throws when the output is not what the test asks for. */
export class Unmet extends Error {
  name = 'Unmet';
}

/** Throws `Unmet`, unless the condition holds. */
export function need(condition, message) {
  if (!condition) throw new Unmet(message);
}

/** Whether a file's name ends in a digest of eight characters. */
export const hashed = (name) => /-[\w-]{8}\.\w+$/.test(name);

/** A file's name without folder, digest and extension. */
export const plain = (name) => posix.basename(name).replace(/(-[\w-]{8})?\.\w+$/, '');

/** Options with others over them; `undefined` takes one away. */
export function merge(options, over = {}) {
  const merged = { ...options };
  for (const [name, value] of Object.entries(over)) {
    const both = [merged[name], value].every((one) => one?.constructor === Object);
    merged[name] = both ? merge(merged[name], value) : value;
  }
  return merged;
}

/** A project of one case. `after` is called with the output folder of each build. */
export class Project {
  #binary;
  #after;

  constructor({ binary, files = {}, options = {}, after }) {
    this.#binary = binary;
    this.#after = after;
    this.files = files;
    this.options = options;
    this.root = mkdtempSync(join(tmpdir(), 'nexxo-tooling-'));
    this.write({ 'package.json': '{ "private": true, "type": "module" }\n', ...files });
  }

  /** The same project in another folder. */
  again() {
    const { files, options } = this;
    return new Project({ binary: this.#binary, after: this.#after, files, options });
  }

  /** Writes files; `null` in place of the contents removes one. */
  write(files) {
    for (const [name, contents] of Object.entries(files)) {
      const path = join(this.root, name);
      mkdirSync(dirname(path), { recursive: true });
      if (contents === null) rmSync(path);
      else writeFileSync(path, contents);
    }
  }

  /** Builds, with these options over the project's. A build that fails is `Unmet`. */
  async build(over) {
    const folder = join(this.root, 'dist');
    rmSync(folder, { recursive: true, force: true });
    const options = merge(this.options, over);
    this.write({ 'nexxo.config.json': JSON.stringify(options) });
    const args = ['build', this.root, '--json', '--no-cache', '--compressed-sizes=false'];
    const { stdout, stderr } = await execute(this.#binary, args);
    let answer;
    try {
      answer = JSON.parse(stdout);
    } catch {
      throw new Error(`\`${this.#binary}\` gave no JSON: ${stdout}${stderr}`);
    }
    const errors = answer.diagnostics.filter((one) => one.severity === 'error');
    need(
      answer.ok,
      `The build fails: ${errors.map((one) => `${one.code}: ${one.message}`).join(' ')}`,
    );
    this.#after?.(folder, this.root);
    return new Output(folder);
  }

  remove() {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** What a build wrote. */
export class Output {
  #contents = new Map();

  constructor(folder) {
    this.folder = folder;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath ?? entry.path, entry.name);
      this.#contents.set(relative(folder, path).split(sep).join('/'), readFileSync(path));
    }
    this.names = [...this.#contents.keys()].sort();
    this.scripts = this.names.filter((name) => /\.[cm]?js$/.test(name));
    this.styles = this.names.filter((name) => name.endsWith('.css'));
  }

  bytes(name) {
    need(this.#contents.has(name), `There is no file \`${name}\` in the output.`);
    return this.#contents.get(name);
  }

  text(name) {
    return this.bytes(name).toString();
  }

  /** The file of a name and extension, with a digest or without: `of('main.js')`. */
  of(name) {
    const found = this.names.filter(
      (one) => plain(one) === plain(name) && posix.extname(one) === posix.extname(name),
    );
    need(found.length === 1, `${found.length} files in the output are \`${name}\`.`);
    return found[0];
  }

  /** The scripts that have a text in them. */
  having(text) {
    return this.scripts.filter((name) => this.text(name).includes(text));
  }

  /** The file that an address leads to, seen from another file. */
  named(address, from = '') {
    const base = pathToFileURL(`${this.folder}/`).href;
    const rooted = address.startsWith('/')
      ? address.slice(1)
      : posix.join(posix.dirname(from), address);
    const name = address.startsWith(base) ? address.slice(base.length) : rooted;
    need(this.#contents.has(name), `\`${address.slice(0, 80)}\` leads to no file of the output.`);
    return name;
  }

  /** A script and all that it imports statically, in no particular order. */
  closure(script, seen = new Set()) {
    if (seen.has(script)) return seen;
    seen.add(script);
    for (const [, path] of this.text(script).matchAll(
      /(?:\bfrom|\bimport)\s*["'](\.[^"']+)["']/g,
    )) {
      this.closure(this.named(path, script), seen);
    }
    return seen;
  }

  /** The tags of a page by their name, each as its attributes, with `text` for what is in it. */
  tags(page, tag) {
    const pattern = new RegExp(`<${tag}\\b([^>]*)>(?:([^]*?)</${tag}>)?`, 'g');
    return [...this.text(page).matchAll(tag === 'link' ? /<link\b([^>]*)>/g : pattern)].map(
      (match) => {
        const pairs = match[1].matchAll(/([\w-]+)(?:=(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g);
        const attributes = [...pairs].map(([, name, ...values]) => [
          name,
          values.find(Boolean) ?? '',
        ]);
        return { ...Object.fromEntries(attributes), text: match[2] ?? '' };
      },
    );
  }

  /** The files that a page's module scripts and style sheets are. */
  loads(page) {
    const scripts = this.tags(page, 'script')
      .filter((tag) => tag.src)
      .map((tag) => tag.src);
    const links = this.tags(page, 'link').filter((tag) => tag.rel === 'stylesheet');
    return {
      scripts: scripts.map((address) => this.named(address, page)),
      styles: links.map((tag) => this.named(tag.href, page)),
    };
  }

  /**
   * Runs scripts one after the other in one Node, with code before them, and gives the lines they
   * print. A program that fails is `Unmet`.
   */
  async run(scripts, before = '') {
    const imports = [scripts].flat().map((name) => {
      this.bytes(name);
      return `await import(${JSON.stringify(pathToFileURL(join(this.folder, name)).href)});`;
    });
    const code = [before, ...imports].join('\n');
    const { stdout, stderr, failed } = await execute(process.execPath, [
      '--input-type=module',
      '-e',
      code,
    ]);
    need(
      !failed,
      `The program fails: ${stderr
        .trim()
        .split('\n')
        .find((line) => /Error/.test(line))}`,
    );
    return stdout.split('\n').filter(Boolean);
  }
}

function execute(command, args) {
  return new Promise((done, fail) => {
    execFile(command, args, { maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') fail(error);
      else done({ stdout, stderr, failed: Boolean(error) });
    });
  });
}
