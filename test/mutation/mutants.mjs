/**
 * The small changes that tests have to notice.
 *
 * Owns: which changes are made to a source, and the places of them.
 * Must not know: tests, files.
 *
 * What is never changed: texts (messages of errors are for people), types, imports.
 */
import { parseAst } from 'vitest/node';

const binary = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '===': '!==',
  '!==': '===',
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '<<': '>>',
  '>>': '<<',
  '>>>': '<<',
  '&': '|',
  '|': '&',
  '^': '|',
};
const assignment = {
  '+=': '-=',
  '-=': '+=',
  '|=': '&=',
  '&=': '|=',
  '^=': '|=',
  '<<=': '>>=',
  '>>>=': '<<=',
  '??=': '=',
};

/** The changes to one source, in the order of their places. */
export function mutantsOf(path, code) {
  const mutants = [];
  const lineOf = lineFinder(code);
  const add = (node, replacement, kind) => {
    const { line, text } = lineOf(node.start);
    const original = code.slice(node.start, node.end);
    mutants.push({ path, start: node.start, end: node.end, replacement, kind, line, text, original });
  };
  const condition = (test, values) => {
    if (test === null || test === undefined || test.type === 'Literal') return;
    for (const value of values) add(test, value, 'condition');
  };
  const visit = (node) => {
    switch (node.type) {
      case 'ImportDeclaration':
      case 'TemplateLiteral':
      case 'TSInterfaceDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSTypeAnnotation':
      case 'TSTypeParameterInstantiation':
      case 'TSTypeParameterDeclaration':
      case 'TSDeclareFunction':
        return;
      case 'BinaryExpression':
        if (binary[node.operator] !== undefined && !isText(node.left) && !isText(node.right)) {
          const { left, right } = node;
          const middle = code.slice(left.end, right.start).replace(node.operator, binary[node.operator]);
          add(
            node,
            code.slice(node.start, left.end) + middle + code.slice(right.start, node.end),
            'operator',
          );
        }
        break;
      case 'LogicalExpression': {
        const { left, right, operator } = node;
        const other = operator === '&&' ? '||' : operator === '||' ? '&&' : undefined;
        // Of each side itself: parentheses around it are no part of it.
        const [one, two] = [left, right].map(({ start, end }) => code.slice(start, end));
        if (other !== undefined) add(node, `(${one}) ${other} (${two})`, 'logic');
        else if (!isText(right)) add(node, isAtom(left) ? one : `(${one})`, 'default');
        break;
      }
      case 'ConditionalExpression':
        condition(node.test, ['true', 'false']);
        break;
      case 'IfStatement':
        condition(node.test, ['true', 'false']);
        break;
      case 'WhileStatement':
      case 'ForStatement':
        condition(node.test, ['false']);
        break;
      case 'UnaryExpression':
        if (node.operator === '!') {
          const { argument } = node;
          const text = code.slice(argument.start, argument.end);
          add(node, isAtom(argument) ? text : `(${text})`, 'negation');
        }
        break;
      case 'UpdateExpression':
        add(
          node,
          code.slice(node.start, node.end).replace(/\+\+|--/, (is) => (is === '++' ? '--' : '++')),
          'update',
        );
        break;
      case 'AssignmentExpression':
        if (assignment[node.operator] !== undefined) {
          const text = code.slice(node.start, node.end);
          add(node, text.replace(node.operator, assignment[node.operator]), 'assignment');
        }
        break;
      case 'ExpressionStatement':
        if (typeof node.directive !== 'string' && !isSuper(node.expression) && !isTypes(node.expression)) {
          add(node, ';', 'removal');
        }
        break;
      case 'ThrowStatement':
        add(node, ';', 'removal');
        break;
      case 'Literal':
        if (typeof node.value === 'boolean') add(node, String(!node.value), 'literal');
        if (typeof node.value === 'number') add(node, String(node.value + 1), 'literal');
        break;
      default:
    }
    for (const [key, value] of Object.entries(node)) {
      // Keys of objects, unless computed, and the numbers in types are no values.
      if (key === 'typeAnnotation' || key === 'returnType' || key === 'typeArguments') continue;
      if (key === 'key' && node.computed !== true) continue;
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') visit(child);
      }
    }
  };
  visit(parseAst(code, { lang: 'ts' }));
  return mutants.sort((a, b) => a.start - b.start);
}

/** The source with one of its changes made. */
export function applied(code, { start, end, replacement }) {
  return code.slice(0, start) + replacement + code.slice(end);
}

const oneLine = (text) => text.replaceAll(/\s+/g, ' ');

/** The change as `equivalent.txt` has it. */
export function changeOf({ original, replacement }) {
  return `${oneLine(original)} → ${oneLine(replacement)}`;
}

function isText(node) {
  return node.type === 'TemplateLiteral' || (node.type === 'Literal' && typeof node.value === 'string');
}

/** Whether an expression stays one whatever stands beside it. */
function isAtom({ type }) {
  return ['Identifier', 'MemberExpression', 'CallExpression', 'ChainExpression'].includes(type);
}

/** `x satisfies never;` is for the compiler. */
function isTypes({ type, expression }) {
  return type === 'TSSatisfiesExpression' && ['Identifier', 'MemberExpression'].includes(expression.type);
}

function isSuper(node) {
  return node.type === 'CallExpression' && node.callee.type === 'Super';
}

function lineFinder(code) {
  const lines = code.split('\n');
  const starts = [];
  let at = 0;
  for (const line of lines) {
    starts.push(at);
    at += line.length + 1;
  }
  return (offset) => {
    let index = starts.length - 1;
    while (starts[index] > offset) index--;
    return { line: index + 1, text: lines[index].trim() };
  };
}
