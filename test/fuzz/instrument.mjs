/**
 * Counts the branches of compiled sources: a call of `hit` in every function, side of a condition, case and loop.
 *
 * Owns: where the calls go.
 * Must not know: who counts, and what for.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseAst } from 'vitest/node';

/** Instruments every file below `folder`; `counters` is the path of the compiled `counters.js`. Returns how many branches there are. */
export function instrument(folder, counters) {
  let next = 0;
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith('.js')) continue;
    const path = join(folder, name);
    const code = readFileSync(path, 'utf8');
    const { text, branches } = instrumented(code, next);
    next += branches;
    const specifier = relative(dirname(path), counters);
    const from = specifier.startsWith('.') ? specifier : `./${specifier}`;
    const shebang = /^#!.*\n/.exec(text)?.[0] ?? '';
    writeFileSync(path, `${shebang}import { hit as __hit } from '${from}';${text.slice(shebang.length)}`);
  }
  return next;
}

/** The text with a numbered call in each branch, from `first` on; `regions` are the branches, outer ones first. */
export function instrumented(code, first, options) {
  const edits = [];
  const regions = [];
  let next = first;
  const statement = (node) => {
    if (node === null || node === undefined) return;
    regions.push({ start: node.start, end: node.end, branch: next });
    if (node.type === 'BlockStatement') edits.push([node.start + 1, `__hit(${next++});`]);
    else edits.push([node.start, `{__hit(${next++});`], [node.end, '}']);
  };
  const expression = (node) => {
    regions.push({ start: node.start, end: node.end, branch: next });
    edits.push([node.start, `(__hit(${next++}),(`], [node.end, '))']);
  };
  const visit = (node) => {
    switch (node.type) {
      case 'FunctionDeclaration':
      case 'FunctionExpression':
        if (node.body !== null) statement(node.body);
        break;
      case 'ArrowFunctionExpression':
        if (node.body.type === 'BlockStatement') statement(node.body);
        else expression(node.body);
        break;
      case 'IfStatement':
        statement(node.consequent);
        statement(node.alternate);
        break;
      case 'ForStatement':
      case 'ForOfStatement':
      case 'ForInStatement':
      case 'WhileStatement':
      case 'DoWhileStatement':
        statement(node.body);
        break;
      case 'SwitchCase':
        if (node.consequent.length === 0) break;
        regions.push({ start: node.consequent[0].start, end: node.end, branch: next });
        edits.push([node.consequent[0].start, `__hit(${next++});`]);
        break;
      case 'CatchClause':
        statement(node.body);
        break;
      case 'ConditionalExpression':
        expression(node.consequent);
        expression(node.alternate);
        break;
      case 'LogicalExpression':
        expression(node.right);
        break;
      default:
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') visit(child);
      }
    }
  };
  visit(parseAst(code, options));
  // An opening at a place goes behind a closing there, and an outer opening before an inner one.
  const ordered = edits.map((edit, order) => ({ edit, order }));
  ordered.sort((a, b) => a.edit[0] - b.edit[0] || rank(a) - rank(b) || tie(a, b));
  let text = '';
  let at = 0;
  for (const { edit } of ordered) {
    text += code.slice(at, edit[0]) + edit[1];
    at = edit[0];
  }
  return { text: text + code.slice(at), branches: next - first, regions };
}

const rank = ({ edit }) => (/^[)}]+$/.test(edit[1]) ? 0 : 1);
/** Closings come inner first, and inner nodes are visited later. */
const tie = (a, b) => (rank(a) === 0 ? b.order - a.order : a.order - b.order);
