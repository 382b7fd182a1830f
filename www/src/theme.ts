// This file switches between light and dark. Until somebody does, the page
// follows the system.

import { button, byId, icon } from './dom.ts';

const storageKey = 'nexxo.theme';

type Theme = 'light' | 'dark';

export function createTheme(): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  let chosen = storedTheme();

  const toggle = button({ class: 'tool' }, () => {
    chosen = current() === 'dark' ? 'light' : 'dark';
    try {
      localStorage.setItem(storageKey, chosen);
    } catch {
      // Where nothing can be stored, the choice lasts until the page is left.
    }
    apply();
  });
  byId('theme').replaceChildren(toggle);
  system.addEventListener('change', apply);
  apply();

  function current(): Theme {
    return chosen ?? (system.matches ? 'dark' : 'light');
  }

  function apply(): void {
    const theme = current();
    document.documentElement.dataset['theme'] = theme;
    const label = theme === 'dark' ? 'Use the light theme' : 'Use the dark theme';
    toggle.setAttribute('aria-label', label);
    toggle.title = label;
    toggle.replaceChildren(icon(theme === 'dark' ? 'sun' : 'moon'));
  }
}

function storedTheme(): Theme | undefined {
  try {
    const stored = localStorage.getItem(storageKey);
    return stored === 'light' || stored === 'dark' ? stored : undefined;
  } catch {
    return undefined;
  }
}
