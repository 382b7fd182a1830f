// This file arranges the panels: borders that can be moved where there is room,
// one view at a time where there is little, and the tabs of the lower panel.

import { byId } from './dom.ts';

export interface Layout {
  /** Brings a panel to where it can be seen. */
  reveal(view: View, tab?: Tab): void;
}

export type View = 'files' | 'editor' | 'preview' | 'dock';
export type Tab = 'problems' | 'console' | 'output' | 'timeline';

export function createLayout(): Layout {
  const panes = byId('panes');
  const selectTab = createTabs();
  const views = [...byId('views').querySelectorAll<HTMLButtonElement>('button')];

  function showView(view: View): void {
    panes.dataset['view'] = view;
    for (const choice of views) choice.setAttribute('aria-current', String(choice.dataset['view'] === view));
  }

  for (const choice of views) choice.addEventListener('click', () => showView(choice.dataset['view'] as View));
  showView('editor');

  createBorder(panes, { id: 'border-files', property: '--files', axis: 'x', sign: 1, least: 150, most: 420 });
  createBorder(panes, { id: 'border-preview', property: '--preview', axis: 'x', sign: -1, least: 240, most: 900 });
  createBorder(panes, { id: 'border-dock', property: '--dock', axis: 'y', sign: -1, least: 90, most: 600 });

  return {
    reveal(view, tab) {
      showView(view);
      if (tab !== undefined) selectTab(tab);
    },
  };
}

/** Tabs as the ARIA practices describe them: one in the tab order, arrows move and choose. */
function createTabs(): (tab: Tab) => void {
  const tabs = [...byId('tabs').querySelectorAll<HTMLButtonElement>('[role=tab]')];
  const choose = (chosen: HTMLButtonElement): void => {
    for (const tab of tabs) {
      const isChosen = tab === chosen;
      tab.setAttribute('aria-selected', String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
      byId(tab.getAttribute('aria-controls') ?? '').hidden = !isChosen;
    }
  };
  tabs.forEach((tab, at) => {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', ({ key }) => {
      const moves: Record<string, number> = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 };
      const to = moves[key];
      const next = to === undefined ? undefined : tabs.at(to % tabs.length);
      if (next === undefined) return;
      choose(next);
      next.focus();
    });
  });
  return (name) => {
    const tab = tabs.find(({ id }) => id === `tab-${name}`);
    if (tab !== undefined) choose(tab);
  };
}

interface Border {
  id: string;
  /** The CSS variable that holds the panel's size. */
  property: string;
  axis: 'x' | 'y';
  /** Whether the panel grows with the coordinate or against it. */
  sign: 1 | -1;
  least: number;
  most: number;
}

const keyStep = 24;

/** A border between panels: dragged, or moved with the arrow keys; a double click gives the size it had at first. */
function createBorder(panes: HTMLElement, { id, property, axis, sign, least, most }: Border): void {
  const border = byId(id);
  const first = Number.parseInt(getComputedStyle(panes).getPropertyValue(property), 10);
  let size = first;

  function resize(to: number): void {
    size = Math.round(Math.min(Math.max(to, least), most));
    panes.style.setProperty(property, `${size}px`);
    border.setAttribute('aria-valuenow', String(size));
  }
  border.setAttribute('aria-valuemin', String(least));
  border.setAttribute('aria-valuemax', String(most));
  border.setAttribute('aria-valuenow', String(first));

  border.addEventListener('pointerdown', (down) => {
    const [from, sizeThen] = [axis === 'x' ? down.clientX : down.clientY, size];
    border.setPointerCapture(down.pointerId);
    // The preview's frame would take the pointer's events as soon as it is over it.
    panes.classList.add('dragging');
    const move = (event: PointerEvent): void => {
      resize(sizeThen + sign * ((axis === 'x' ? event.clientX : event.clientY) - from));
    };
    const end = (): void => {
      border.removeEventListener('pointermove', move);
      panes.classList.remove('dragging');
    };
    border.addEventListener('pointermove', move);
    border.addEventListener('lostpointercapture', end, { once: true });
    down.preventDefault();
    border.focus();
  });
  border.addEventListener('dblclick', () => resize(first));
  border.addEventListener('keydown', (event) => {
    const [grow, shrink] = axis === 'x' ? ['ArrowRight', 'ArrowLeft'] : ['ArrowDown', 'ArrowUp'];
    if (event.key === grow) resize(size + sign * keyStep);
    else if (event.key === shrink) resize(size - sign * keyStep);
    else if (event.key === 'Home') resize(least);
    else if (event.key === 'End') resize(most);
    else return;
    event.preventDefault();
  });
}
