// This file expects of the package what `tests/tests/specs.rs` expects of the native engine.

import { testFixtures } from './suite.mjs';

testFixtures(new URL('../specs/', import.meta.url));
