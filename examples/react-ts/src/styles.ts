const styles = `
  :root {
    color-scheme: light dark;
    --paper: light-dark(#f6f4ee, #17191a);
    --card: light-dark(#ffffff, #202426);
    --ink: light-dark(#20302a, #e8efe9);
    --soft: light-dark(#5a6b62, #a3b3aa);
    --line: light-dark(#e3dfd3, #31383a);
    --leaf: light-dark(#22684a, #8fd6ae);
    --water: light-dark(#2f7fb8, #6bb7ea);
    --dry: light-dark(#b4552d, #f0a37c);
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
  main { max-width: 760px; margin: 0 auto; padding: 28px 20px 40px; }
  h1 { margin: 0; font-size: 26px; line-height: 1.2; letter-spacing: -0.02em; }
  header p { margin: 6px 0 0; color: var(--soft); }
  .actions { display: flex; flex-wrap: wrap; gap: 12px 18px; align-items: center; margin: 20px 0; }
  .actions label { display: flex; gap: 8px; align-items: center; color: var(--soft); }
  button { font: inherit; color: var(--leaf); background: none; border: 1px solid currentColor; border-radius: 999px; padding: 5px 14px; cursor: pointer; }
  button:hover { background: color-mix(in srgb, currentColor 12%, transparent); }
  button:focus-visible, input:focus-visible { outline: 2px solid var(--water); outline-offset: 2px; }
  .primary { background: var(--leaf); color: var(--paper); border-color: transparent; }
  .primary:hover { background: color-mix(in srgb, var(--leaf) 85%, var(--ink)); }
  .sill { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px; margin: 0; padding: 0; list-style: none; }
  .plant { display: grid; justify-items: center; padding: 12px 12px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 16px; text-align: center; }
  .plant svg { width: 120px; height: 110px; overflow: visible; }
  .plant svg g path { transition: transform 0.8s, fill 0.8s; opacity: 0.94; }
  .pot { fill: #c8784f; }
  .rim { fill: #b5643c; }
  h2 { margin: 8px 0 0; font-size: 16px; }
  .latin { margin: 0 0 10px; color: var(--soft); font-size: 13px; font-style: italic; }
  .meter { width: 100%; height: 6px; margin-bottom: 12px; background: var(--line); border-radius: 999px; overflow: hidden; }
  .meter span { display: block; height: 100%; background: var(--water); border-radius: inherit; transition: width 0.8s; }
  .thirsty { border-color: var(--dry); }
  .thirsty .meter span { background: var(--dry); }
  .empty { color: var(--soft); text-align: center; }
  @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;

/** Puts the app's styles into the page. */
export function installStyles() {
  const element = document.createElement('style');
  element.textContent = styles;
  document.head.append(element);
}
