/**
 * What the page loads apart from itself.
 *
 * Owns: its script and its style.
 * Must not know: what the page shows; the script takes the next state of the
 * page from the page itself, so that there is one place that writes and escapes it.
 */

/** Runs in a browser. */
export const pageScript: string = `'use strict';
const state = document.getElementById('state');
const button = document.getElementById('pause');
let paused = false;

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: 'no-store' });
    const text = await response.text();
    const next = new DOMParser().parseFromString(text, 'text/html').querySelector('main');
    if (next !== null && !paused) document.querySelector('main').replaceWith(next);
    state.textContent = paused ? 'paused' : 'live';
  } catch {
    state.textContent = 'no answer; trying again';
  }
}

async function run() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!paused && !document.hidden) await refresh();
  }
}

button.addEventListener('click', () => {
  paused = !paused;
  button.textContent = paused ? 'resume' : 'pause';
  state.textContent = paused ? 'paused' : 'live';
});
button.hidden = false;
state.textContent = 'live';
run();
`;

export const pageStyle: string = `:root { color-scheme: light dark; font: 14px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 80rem; padding: 1rem; }
header { display: flex; flex-wrap: wrap; gap: 1rem; align-items: baseline; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: 0.2rem 0.6rem; text-align: left; vertical-align: top; border-bottom: 1px solid #8884; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; }
`;
