// This file is Nexxo with its cache, and a page that does not wait for the engine
// before it asks for a build.

import { start as startNexxo } from '/contender/nexxo.js';

export const start = () => startNexxo({ wait: false });
