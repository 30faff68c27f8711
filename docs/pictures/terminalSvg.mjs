/**
 * A recording as an SVG that plays by itself.
 *
 * Owns: the look of a terminal window, and how its screens follow one another.
 * Must not know: where a recording comes from.
 *
 * Where nothing moves (printed, or motion is not wanted) the last screen stands.
 */
const cell = { width: 8.4, height: 18, font: 14 };
const margin = 14;
const bar = 28;
/** Milliseconds for which the last screen stays before it begins anew. */
const rest = 4_000;
const palette = ['#484f58', '#ff7b72', '#3fb950', '#d29922', '#58a6ff', '#bc8cff', '#39c5cf', '#e6edf3'];

/** @param frames screens with their times in milliseconds, from `record` */
export function terminalSvg(frames, { rows, columns, title }) {
  const width = Math.ceil(columns * cell.width + 2 * margin);
  const height = Math.ceil(rows * cell.height + 2 * margin + bar);
  const length = frames.at(-1).at + rest;
  const known = new Map();
  const definitions = [];
  const screens = frames.map(({ rows: lines }, index) => {
    const uses = lines.flatMap((runs, y) => {
      if (runs.length === 0) return [];
      const drawn = runs.map(drawRun).join('');
      if (!known.has(drawn)) {
        known.set(drawn, `l${known.size}`);
        definitions.push(`<text id="${known.get(drawn)}">${drawn}</text>`);
      }
      return [`<use href="#${known.get(drawn)}" y="${(y + 1) * cell.height}"/>`];
    });
    return `<g id="s${index}" class="s">${uses.join('')}</g>`;
  });
  const percent = (at) => `${((100 * at) / length).toFixed(2)}%`;
  const rules = frames.map(({ at }, index) => {
    const until = frames[index + 1]?.at;
    const shown =
      index === 0 ? '0%{visibility:visible}' : `0%{visibility:hidden}${percent(at)}{visibility:visible}`;
    const hidden = until === undefined ? '' : `${percent(until)}{visibility:hidden}`;
    return `@keyframes k${index}{${shown}${hidden}}#s${index}{animation-name:k${index}}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    '<style>',
    `text{font:${cell.font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#e6edf3;white-space:pre}`,
    '.b{font-weight:bold}.d{opacity:.6}',
    `.s{visibility:hidden}#s${frames.length - 1}{visibility:visible}`,
    '@media (prefers-reduced-motion:no-preference){',
    `.s{animation-duration:${Math.round(length)}ms;animation-iteration-count:infinite;animation-timing-function:step-end}`,
    ...rules,
    '}</style>',
    `<defs>${definitions.join('')}</defs>`,
    `<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>`,
    ...[0, 1, 2].map((dot) => `<circle cx="${18 + 18 * dot}" cy="16" r="5" fill="#30363d"/>`),
    `<g transform="translate(${margin} ${bar + margin - 4})">${screens.join('\n')}</g>`,
    '</svg>',
    '',
  ].join('\n');
}

/** As long as its cells are, whatever the font is. */
function drawRun({ x, text, look }) {
  const left = text.length - text.trimStart().length;
  const letters = text.trimStart();
  const classes = [...(look.bold ? ['b'] : []), ...(look.dim ? ['d'] : [])].join(' ');
  const attributes = [
    `x="${((x + left) * cell.width).toFixed(1)}"`,
    `textLength="${(letters.length * cell.width).toFixed(1)}"`,
    ...(classes === '' ? [] : [`class="${classes}"`]),
    ...(look.colour === undefined ? [] : [`fill="${palette[look.colour % 8]}"`]),
  ];
  return `<tspan ${attributes.join(' ')}>${escaped(letters)}</tspan>`;
}

function escaped(text) {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.codePointAt(0)};`);
}
