import { view } from './view';

// Takes over what the server has rendered: nothing is rendered again until something changes.
const app = document.querySelector<HTMLElement>('#app')!;
const names = Array.from(app.querySelectorAll('li'), (item) => item.textContent ?? '');

app.addEventListener('submit', (event) => {
  event.preventDefault();
  const name = new FormData(event.target as HTMLFormElement).get('name');
  names.push(String(name));
  app.innerHTML = view(names);
});
document.documentElement.dataset.hydrated = '';
