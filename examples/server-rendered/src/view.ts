import { book } from './view.module.css';

const escape = (text: string) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** The page's contents: what the server sends, and what the browser shows after a change. */
export function view(names: string[]): string {
  return `<section class="${book}">
  <h1>Guest book</h1>
  <ol>${names.map((name) => `<li>${escape(name)}</li>`).join('')}</ol>
  <form><input name="name" aria-label="Your name" required><button>Sign</button></form>
</section>`;
}
