// This file is @rolldown/browser with its sources in the in-memory volume that it
// exports for them: what its documentation shows, and slower than a plugin.

import { start as startRolldown } from './rolldown.js';

export const start = () => startRolldown('volume');
