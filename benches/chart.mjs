// This file draws bars with their spread as SVG. It is by hand because a chart
// library would bring a browser or a hundred packages for thirty rectangles.

/**
 * @typedef {{ label: string, bars: { name: string, spread: import('./common.mjs').Spread }[] }} Group
 */

/** A colour of light and one of dark pages per contender, told apart by brightness as well as by hue. */
const colors = [
  ['#0b6e5f', '#3fd0b6'],
  ['#d98a00', '#f2b544'],
  ['#7a5bc4', '#b39cf0'],
  ['#5c6670', '#9aa5b0'],
  ['#b8433c', '#f0877f'],
];

const WIDTH = 760;
const RIGHT = 110;
const BAR = 18;
const GAP = 5;
const GROUP_GAP = 16;

/**
 * Horizontal bars as long as the median, whiskers from the least to the most.
 * The scale is logarithmic: what is compared differs by factors of ten and more,
 * and equal factors are then equal lengths.
 * @param {{ title: string, groups: Group[], format: (value: number) => string }} chart
 * @returns {string}
 */
export function barChart({ title, groups, format }) {
  const names = [...new Set(groups.flatMap((group) => group.bars.map((bar) => bar.name)))];
  // Labels are set in a font that nobody knows here: wide enough for most.
  const left = 24 + 6.8 * Math.max(16, ...groups.map((group) => group.label.length));
  const all = groups.flatMap((group) => group.bars.flatMap((bar) => [bar.spread.min, bar.spread.max]));
  const low = Math.log10(Math.min(...all) / 2);
  const high = Math.log10(Math.max(...all));
  const x = (/** @type {number} */ value) => left + ((Math.log10(value) - low) / (high - low || 1)) * (WIDTH - left - RIGHT);
  const parts = [];
  let y = 34;

  let legendX = left;
  for (const [index, name] of names.entries()) {
    parts.push(`<rect class="bar${index}" x="${legendX}" y="${y}" width="12" height="12" rx="2"/>`);
    parts.push(`<text x="${legendX + 17}" y="${y + 10}">${escape(name)}</text>`);
    legendX += 34 + name.length * 7.2;
  }
  y += 30;

  for (let power = Math.ceil(low); power <= high; power += 1) {
    const at = x(10 ** power).toFixed(1);
    parts.push(`<line class="grid" x1="${at}" y1="${y - 8}" x2="${at}" y2="HEIGHT"/>`);
    parts.push(`<text class="tick" x="${at}" y="TICKS" text-anchor="middle">${escape(format(10 ** power))}</text>`);
  }

  for (const group of groups) {
    const middle = y + (group.bars.length * (BAR + GAP) - GAP) / 2;
    parts.push(`<text class="label" x="${left - 10}" y="${(middle + 4).toFixed(1)}" text-anchor="end">${escape(group.label)}</text>`);
    for (const { name, spread } of group.bars) {
      const end = x(spread.median);
      const [from, to] = [x(spread.min), x(spread.max)];
      const line = y + BAR / 2;
      parts.push(
        `<g><title>${escape(`${group.label}, ${name}: median ${format(spread.median)}, ${format(spread.min)} to ${format(spread.max)}, ${spread.count} values`)}</title>` +
          `<rect class="bar${names.indexOf(name)}" x="${left}" y="${y}" width="${(end - left).toFixed(1)}" height="${BAR}" rx="2"/>` +
          `<path class="whisker" d="M${from.toFixed(1)} ${line}H${to.toFixed(1)}M${from.toFixed(1)} ${line - 4}v8M${to.toFixed(1)} ${line - 4}v8"/></g>`,
      );
      parts.push(`<text x="${(Math.max(end, to) + 6).toFixed(1)}" y="${line + 4}">${escape(format(spread.median))}</text>`);
      y += BAR + GAP;
    }
    y += GROUP_GAP;
  }
  const bottom = y - GROUP_GAP + 4;
  const height = bottom + 26;
  const style = [
    'text{font:12px system-ui,sans-serif;fill:#1d2329}.title{font-size:15px;font-weight:600}.label{font-weight:500}.tick{fill:#5b6570;font-size:11px}',
    '.grid{stroke:#d5dade}.whisker{stroke:#1d2329;stroke-width:1.2;fill:none}.page{fill:#fff}',
    ...names.map((_, index) => `.bar${index}{fill:${colors[index % colors.length][0]}}`),
    '@media(prefers-color-scheme:dark){text{fill:#e6e9ec}.tick{fill:#9aa5b0}.grid{stroke:#39424b}.whisker{stroke:#e6e9ec}.page{fill:#14181c}',
    ...names.map((_, index) => `.bar${index}{fill:${colors[index % colors.length][1]}}`),
    '}',
  ].join('');
  const body = parts.join('\n').replaceAll('"HEIGHT"', `"${bottom}"`).replaceAll('"TICKS"', `"${bottom + 16}"`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escape(title)}">
<style>${style}</style>
<rect class="page" width="${WIDTH}" height="${height}" rx="6"/>
<text class="title" x="14" y="24">${escape(title)}</text>
${body}
</svg>
`;
}

/** @param {string} text */
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
