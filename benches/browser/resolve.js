// This file resolves specifiers over a map of files as Node and browsers do:
// what everyone who runs esbuild-wasm in a tab has to bring along. It remembers
// what it found, so that it costs the peer as little as it can.

const extensions = ['', '.tsx', '.ts', '.jsx', '.js', '.mjs', '.cjs', '.json'];

/**
 * @param {Map<string, string>} files By absolute path.
 * @param {string[]} conditions
 * @returns {(specifier: string, importer: string) => string | undefined}
 */
export function createResolver(files, conditions) {
  /** @type {Map<string, any>} */
  const manifests = new Map();
  /** @type {Map<string, string | undefined>} */
  const known = new Map();

  return (specifier, importer) => {
    const folder = importer.slice(0, importer.lastIndexOf('/'));
    const key = `${folder}\0${specifier}`;
    if (known.has(key)) return known.get(key);
    const found = resolve(specifier, folder);
    known.set(key, found);
    return found;
  };

  function resolve(specifier, folder) {
    if (specifier.startsWith('/')) return file(specifier) ?? index(specifier);
    if (specifier.startsWith('.')) {
      const path = normalize(`${folder}/${specifier}`);
      return file(path) ?? index(path);
    }
    const [, name, rest] = /^((?:@[^/]+\/)?[^/]+)(.*)$/.exec(specifier) ?? [];
    if (!name) return undefined;
    for (let from = folder; ; from = from.slice(0, from.lastIndexOf('/'))) {
      const root = `${from}/node_modules/${name}`;
      const manifest = manifestOf(root);
      if (manifest) return inPackage(root, manifest, rest);
      if (!from) return undefined;
    }
  }

  function inPackage(root, manifest, rest) {
    if (manifest.exports !== undefined) {
      const target = exported(manifest.exports, `.${rest}`);
      return target && normalize(`${root}/${target}`);
    }
    if (rest) return file(root + rest) ?? index(root + rest);
    const main = (typeof manifest.browser === 'string' && manifest.browser) || manifest.module || manifest.main;
    const path = normalize(`${root}/${main ?? 'index.js'}`);
    return file(path) ?? index(path);
  }

  function exported(exports, subpath) {
    if (typeof exports === 'string' || Array.isArray(exports) || !Object.keys(exports).some((key) => key.startsWith('.'))) {
      return subpath === '.' ? target(exports) : undefined;
    }
    if (subpath in exports) return target(exports[subpath]);
    for (const [pattern, value] of Object.entries(exports)) {
      const star = pattern.indexOf('*');
      if (star === -1 || !subpath.startsWith(pattern.slice(0, star)) || !subpath.endsWith(pattern.slice(star + 1))) continue;
      const middle = subpath.slice(star, subpath.length - (pattern.length - star - 1));
      return target(value)?.replaceAll('*', middle);
    }
    return undefined;
  }

  function target(value) {
    if (typeof value === 'string') return value;
    if (Array.isArray(value)) return value.map(target).find(Boolean);
    if (value === null || typeof value !== 'object') return undefined;
    for (const [condition, inner] of Object.entries(value)) {
      if (!conditions.includes(condition)) continue;
      const found = target(inner);
      if (found) return found;
    }
    return undefined;
  }

  function manifestOf(root) {
    if (!manifests.has(root)) {
      const text = files.get(`${root}/package.json`);
      manifests.set(root, text === undefined ? undefined : JSON.parse(text));
    }
    return manifests.get(root);
  }

  function file(path) {
    for (const extension of extensions) if (files.has(path + extension)) return path + extension;
    return undefined;
  }

  function index(path) {
    return file(`${path}/index`);
  }
}

/** @param {string} path */
function normalize(path) {
  const parts = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
