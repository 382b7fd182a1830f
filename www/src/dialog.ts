// This file asks before something is lost.

import { button, element, prose } from './dom.ts';

/** Asks a question that is answered with yes or no; Escape is no. Backticks in it mark code. */
export function ask(question: string, yes: string): Promise<boolean> {
  return new Promise((resolve) => {
    const text = element('p', { id: 'dialog-question' }, ...prose(question));
    const dialog = element('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-question' }, text);
    const close = (answer: string) => () => dialog.close(answer);
    const row = element(
      'div',
      { class: 'dialog-buttons' },
      button({ class: 'button' }, close('no'), 'Cancel'),
      button({ class: 'button danger' }, close('yes'), yes),
    );
    dialog.append(row);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
