/**
 * A source with all of its changes in it, each behind a switch: none is on
 * until its number is the active one.
 *
 * Owns: the text with switches, and the lines that tell it which one is on.
 * Must not know: tests, or who turns a switch.
 *
 * So tests are loaded once, and a change costs no more than the tests that are
 * run for it. A switch notes that it was passed. Loops count their rounds: one
 * that no longer ends is known by them, long before by the clock.
 */

import { parseAst } from 'vitest/node';

/** The text in which a change is made where `__on` is true of its `number`. Each round of a loop calls `__step`. */
export function withSwitches(code, mutants) {
  const spans = new Map();
  for (const mutant of mutants) {
    const { start, end } = mutant;
    const key = `${start}:${end}`;
    const span = spans.get(key) ?? { start, end, changes: [] };
    spans.set(key, span);
    span.changes.push(mutant);
  }
  const ordered = [...loopBodies(code), ...spans.values()];
  // The sort keeps the order of equals: a body that is one statement is outside of it.
  ordered.sort((a, b) => a.start - b.start || b.end - a.end);
  let next = 0;
  /** The text from one offset to another, with the spans that begin there. */
  const render = (from, to) => {
    let text = '';
    let at = from;
    while (next < ordered.length && ordered[next].start < to) {
      const span = ordered[next++];
      text += code.slice(at, span.start) + switched(span, render(span.start, span.end));
      at = span.end;
    }
    return text + code.slice(at, to);
  };
  return render(0, code.length);
}

function switched({ changes }, inner) {
  if (changes === undefined) return `{ __step(); ${inner} }`;
  const [{ kind, number }] = changes;
  if (kind === 'removal') return `{ if (!__on(${number})) { ${inner} } }`;
  // A call, as a parenthesis there would begin an arrow function with a type.
  const choices = changes.map(({ number, replacement }) => `__on(${number}) ? __as(${replacement}) : `);
  return `(${choices.join('')}(${inner}))`;
}

function loopBodies(code) {
  const found = [];
  const visit = (node) => {
    if (/^(For|ForOf|ForIn|While|DoWhile)Statement$/.test(node.type)) {
      found.push({ start: node.body.start, end: node.body.end });
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') visit(child);
      }
    }
  };
  visit(parseAst(code, { lang: 'ts' }));
  return found;
}

const same = 'const __as = (x: any): any => x;';

/** For the top of a source that runs beside the tests: they turn `globalThis.__mutation.active`. */
export const ownPreamble = [
  same,
  'const __m: any = (globalThis as any).__mutation;',
  'const __on = (n: number): boolean => { __m.hits[n] = 1; return n === __m.active; };',
  "const __step = (): void => { if (++__m.steps > __m.limit) throw new Error('endless'); };",
].join(' ');

/**
 * For the top of a source that runs in a child process: a file says at its start
 * which switch is on, and where it leaves a byte for each switch that it passes.
 * A process that is killed has left them as well.
 */
export function childPreamble(file, count) {
  const make = `() => {
    let active = -1, limit = Infinity, steps = 0, put: any;
    try {
      const fs = (process as any).getBuiltinModule('node:fs');
      const given = JSON.parse(fs.readFileSync(${JSON.stringify(file)}, 'utf8'));
      ({ active, limit } = given);
      if (given.hits) {
        const passed = fs.openSync(given.hits, 'r+');
        put = (n: number) => { fs.writeSync(passed, new Uint8Array([1]), 0, 1, n); };
      }
    } catch {}
    const seen = new Uint8Array(${count});
    const on = (n: number): boolean => {
      if (put !== undefined && seen[n] === 0) { seen[n] = 1; try { put(n); } catch {} }
      return n === active;
    };
    const step = () => { if (++steps > limit) throw new Error('endless'); };
    return { on, step };
  }`.replaceAll(/\s*\n\s*/g, ' ');
  return `${same} const { on: __on, step: __step }: any = ((globalThis as any).__switches ??= (${make})());`;
}

/** A text with a line put before it, behind the \`#!\` where there is one. */
export function withPreamble(preamble, text) {
  const [shebang = ''] = /^#!.*\n/.exec(text) ?? [];
  return `${shebang}${preamble}${text.slice(shebang.length)}`;
}
