// This file makes elements. Text goes in as text nodes only, so nothing that a
// project holds or prints can become markup of this page.

type Attributes = Record<string, string | number | boolean | undefined>;

/** Makes an HTML element. `true` sets an empty attribute; `false` and `undefined` set none. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  setAttributes(made, attributes);
  made.append(...children);
  return made;
}

/** A button, which never submits anything. */
export function button(attributes: Attributes, press: () => void, ...children: (Node | string)[]): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, ...children);
  made.addEventListener('click', press);
  return made;
}

/** The element of `index.html` with this id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`index.html has no element with the id \`${id}\`.`);
  return found;
}

export function setAttributes(target: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) target.removeAttribute(name);
    else target.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Outlines on a 16 × 16 grid, drawn with a 1.4 wide line. */
const icons = {
  chevron: 'M6 4l4 4-4 4',
  file: 'M4 2.5h5l3 3v8H4zM9 2.5v3h3',
  folder: 'M2.5 4h4l1.5 1.5h5.5V12.5h-11z',
  lock: 'M4.5 7.5h7v5.5h-7zM6 7.5V5.4a2 2 0 0 1 4 0v2.1',
  plus: 'M8 3.5v9M3.5 8h9',
  pencil: 'M3.5 12.5l.6-2.6 6.6-6.6 2 2-6.6 6.6zM9.3 4.7l2 2',
  trash: 'M3 4.5h10M6.5 4.5V3h3v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5M6.8 7v3.5M9.2 7v3.5',
  check: 'M3.5 8.4l3 3 6-6.6',
  external: 'M9.5 3h3.5v3.5M13 3L7.5 8.5M11 9.5v3.5H3V5h3.5',
  error: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 5v3.6M8 10.6v.4',
  warning: 'M8 2.6l6 10.6H2zM8 6.4v3M8 11v.4',
  info: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 0 0 8 2.2zM8 7.4V11M8 5v.4',
  play: 'M5 3.4v9.2l7.4-4.6z',
  replay: 'M12.8 8a4.8 4.8 0 1 1-1.5-3.5M12.8 2.4v2.8H10',
  stop: 'M4.5 4.5h7v7h-7z',
  sun: 'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6zM8 1.6v1.2M8 13.2v1.2M1.6 8h1.2M13.2 8h1.2M3.5 3.5l.8.8M11.7 11.7l.8.8M12.5 3.5l-.8.8M4.3 11.7l-.8.8',
  moon: 'M13 9.6A5.4 5.4 0 0 1 6.4 3a5.4 5.4 0 1 0 6.6 6.6z',
} as const;

export type Icon = keyof typeof icons;

const svgNamespace = 'http://www.w3.org/2000/svg';

/** A decoration: what it means is said in words beside it. */
export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, 'svg');
  setAttributes(svg, { viewBox: '0 0 16 16', class: `icon icon-${name}`, 'aria-hidden': 'true' });
  const path = document.createElementNS(svgNamespace, 'path');
  path.setAttribute('d', icons[name]);
  svg.append(path);
  return svg;
}

/** A sentence for people, in which backticks mark code. */
export function prose(text: string): (Node | string)[] {
  return text.split(/`([^`]+)`/).map((part, at) => (at % 2 === 1 ? element('code', { class: 'inline' }, part) : part));
}

/** `1 problem`, `2 problems`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`;
}

export function milliseconds(duration: number): string {
  if (duration >= 1000) return `${(duration / 1000).toFixed(2)} s`;
  return `${duration < 10 ? duration.toFixed(1) : Math.round(duration)} ms`;
}

export function bytes(size: number): string {
  if (size < 1000) return `${size} B`;
  if (size < 1_000_000) return `${(size / 1000).toFixed(1)} kB`;
  return `${(size / 1_000_000).toFixed(2)} MB`;
}
