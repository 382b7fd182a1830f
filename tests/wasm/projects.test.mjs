// This file expects of the package what `tests/tests/projects.rs` expects of the native engine.

import { testFixtures } from './suite.mjs';

testFixtures(new URL('../projects/', import.meta.url));
