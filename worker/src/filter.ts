// This file decides which hook filters the engine can check for itself. It has
// Rust's regular expressions, which lack some of JavaScript's syntax and read
// some of it otherwise. A filter handed over may match more than the original,
// as the page's side checks again before it calls the hook, but not less. (The
// one exception: without the flag `u`, JavaScript counts an emoji as two.)

/** The filter as a Rust regular expression, or nothing where only JavaScript can check it. */
export function portableFilter(filter: RegExp): string | undefined {
  const { source, flags } = filter;
  // `v` has a syntax of its own, and lines end at more characters in JavaScript than in Rust.
  if (/[vm]/.test(flags)) return undefined;
  const unicode = flags.includes('u');
  const ignoreCase = flags.includes('i');
  let inClass = false;
  let negated = false;
  for (let at = 0; at < source.length; at += 1) {
    const rest = source.slice(at, at + 32);
    const character = source.charAt(at);
    if (character === '\\') {
      const length = portableEscape(rest, unicode);
      // What is wider on its own is narrower when negated.
      if (length === 0 || (negated && /^\\[dws]/.test(rest))) return undefined;
      at += length - 1;
    } else if (inClass) {
      // Rust has classes within classes, and set operations.
      if (character === '[' || /^(&&|--|~~)/.test(rest)) return undefined;
      if (character === ']') inClass = negated = false;
    } else if (character === '[') {
      // An empty class is an error in Rust, and `[^]` means something else.
      if (/^\[\^?\]/.test(rest)) return undefined;
      inClass = true;
      negated = rest.startsWith('[^');
      if (negated && ignoreCase) return undefined;
    } else if (character === '{') {
      // JavaScript takes a brace that is no quantifier as itself. Rust's repetitions are limited by size.
      if (!/^\{\d{1,3}(,\d{0,3})?\}/.test(rest)) return undefined;
    } else if (rest.startsWith('(?') && !/^\(\?(:|<[A-Za-z_]\w*>)/.test(rest)) {
      return undefined;
    }
  }
  const modes = ['i', 's'].filter((flag) => flags.includes(flag)).join('');
  return modes === '' ? source : `(?${modes})${source}`;
}

/** The length of an escape that Rust reads as JavaScript does, or more widely; 0 for any other. */
function portableEscape(rest: string, unicode: boolean): number {
  // The complements `\D`, `\S`, `\W` and the boundaries are narrower in Rust, which counts all of Unicode.
  const match = /^\\(?:[dswnrtfv]|[\\^$.*+?()[\]{}|/\-]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})/.exec(rest);
  if (match !== null) {
    // Half of a surrogate pair is no character in Rust.
    return /^\\u[dD][89a-fA-F]/.test(rest) ? 0 : match[0].length;
  }
  if (!unicode) return 0;
  return /^\\(?:u\{[0-9A-Fa-f]{1,6}\}|p\{\w+\})/.exec(rest)?.[0].length ?? 0;
}
