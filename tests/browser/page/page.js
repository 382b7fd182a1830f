// This file is all of the test page: it hands the package over to the tests,
// which run their steps in the page.

import * as nexxo from '/nexxo/index.js';

globalThis.nexxo = nexxo;

/** Breaks the instance on purpose. */
globalThis.fault = Symbol.for('nexxo.fault');

/** Waits for a promise that should reject, and gives what can be told of the reason outside of the page. */
globalThis.rejection = async (promise) => {
  try {
    await promise;
  } catch (reason) {
    const { name, code, message, diagnostic } = reason;
    return { isNexxoError: reason instanceof nexxo.NexxoError, name, code, message, diagnostic };
  }
  throw new Error('It did not reject.');
};

document.documentElement.dataset.ready = 'yes';
