// This file puts the cases of all groups together, in the order of the page.
//
// A case has
// - `id`, `title`, and what it `asks`;
// - `expected`: `pass`, with `how`; or `no`, with `why`, and `missing`, which the message of what
//   the oracle finds unmet has to match, so that it is not met for this reason and no other;
// - `files` and `options`: the project, and what it is built with;
// - `check`: the oracle, which builds the project, and throws `Unmet` where the output falls short;
// - `contrary`: `files`, `options` and an edit of the output `after` each build, over those of the
//   case, with which the oracle has to come to the other answer. So none is there that cannot fail,
//   and none that cannot be met.

import codeSplitting from './cases/code-splitting.mjs';
import hashing from './cases/hashing.mjs';
import importingModules from './cases/importing-modules.mjs';
import nonJsResources from './cases/non-js-resources.mjs';
import outputModuleFormats from './cases/output-module-formats.mjs';
import transformations from './cases/transformations.mjs';

export const groups = [
  { title: 'Code splitting', cases: codeSplitting },
  { title: 'Hashing', cases: hashing },
  { title: 'Importing modules', cases: importingModules },
  { title: 'Non-JavaScript resources', cases: nonJsResources },
  { title: 'Output module formats', cases: outputModuleFormats },
  { title: 'Transformations', cases: transformations },
];

export const cases = groups.flatMap((group) => group.cases);
