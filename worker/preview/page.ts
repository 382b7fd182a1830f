// This file is the first script of every page of an app in a preview. It gives
// the page's ports to the shell around it, so that modules can be replaced, and
// reports what the app prints and fails with.

import { connect, flush, listen, print, reportTo, tell } from './report.ts';

const page = document.currentScript?.dataset['page'] ?? '';
const modules = new MessageChannel();
const rest = new MessageChannel();
const shell = parent;

listen();
reportTo(rest.port1);
connect(modules.port1, () => location.reload());
// The shell is of this very origin; a page that is shown alone has none.
if (shell !== self) shell.postMessage({ type: 'nexxo:page', page }, location.origin, [modules.port2, rest.port2]);

document.addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) => {
  print('error', `The page's own policy (${effectiveDirective}) blocked ${blockedURI}.`);
});
const whereabouts = (): void => tell({ type: 'location', path: `${location.pathname}${location.search}${location.hash}`.slice(0, 2_000), title: document.title.slice(0, 200) });
addEventListener('load', () => {
  // What the entries print at once comes before this.
  setTimeout(() => {
    flush();
    tell({ type: 'ran' });
    whereabouts();
  });
});
for (const event of ['popstate', 'hashchange']) addEventListener(event, whereabouts);
// Where a browser tells of every entry of the history, also of those that scripts make.
(globalThis as { navigation?: EventTarget }).navigation?.addEventListener('currententrychange', whereabouts);
