/**
 * Source files as the architecture checks see them.
 *
 * Owns: telling code from comments and text, and the imports of a file.
 * Must not know: which imports are allowed.
 *
 * Not a parser: it knows where comments, strings, templates and regular
 * expressions begin and end, in sources as the formatter writes them.
 */
import { readdirSync, readFileSync } from 'node:fs';

export interface SourceFile {
  /** From the project's root, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface ImportStatement {
  readonly specifier: string;
  /** Nothing is left of it when types are erased. */
  readonly typeOnly: boolean;
}

/** All files of a folder of the project, by path. */
export function sourceFiles(root: string, folder = 'src'): SourceFile[] {
  return readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.ts') && !/(^|\/)(dist|node_modules)\//.test(name))
    .sort()
    .map((name) => ({
      path: `${folder}/${name}`,
      text: readFileSync(`${root}${folder}/${name}`, 'utf8'),
    }));
}

const lexeme = new RegExp(
  [
    /(?<comment>\/\/[^\n]*|\/\*[\s\S]*?\*\/)/,
    /(?<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/,
    /(?<regex>(?<=(?:^|[(,=:[!&|?{};\n>]|\breturn|\btypeof|\bcase)\s*)\/(?![*/])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*)/,
    /(?<bracket>[`{}])/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/**
 * The code of a text: comments and, where asked, the contents of strings become
 * spaces, so that every position stays where it was.
 */
export function codeOf(text: string, keep: 'strings' | 'nothing' = 'nothing'): string {
  let out = '';
  let position = 0;
  /** Where each open brace belongs: to code, or to a template's `${`. */
  const braces: ('code' | 'template')[] = [];
  const copyTo = (end: number): void => {
    out += text.slice(position, end);
    position = end;
  };
  const blankTo = (end: number): void => {
    out += text.slice(position, end).replace(/[^\n]/g, ' ');
    position = end;
  };
  const template = (): void => {
    const hole = /\\[\s\S]|\$\{|`/g;
    hole.lastIndex = position;
    for (let found = hole.exec(text); found !== null; found = hole.exec(text)) {
      if (found[0].startsWith('\\')) continue;
      blankTo(hole.lastIndex);
      if (found[0] === '${') braces.push('template');
      return;
    }
    blankTo(text.length);
  };
  lexeme.lastIndex = 0;
  for (let found = lexeme.exec(text); found !== null; found = lexeme.exec(text)) {
    const { comment, text: string, bracket } = found.groups ?? {};
    copyTo(found.index);
    if (comment !== undefined) blankTo(lexeme.lastIndex);
    else if (string !== undefined && keep === 'strings') copyTo(lexeme.lastIndex);
    else if (bracket === undefined) blankTo(lexeme.lastIndex);
    else {
      copyTo(lexeme.lastIndex);
      if (bracket === '{') braces.push('code');
      if (bracket === '`' || (bracket === '}' && braces.pop() === 'template')) template();
      lexeme.lastIndex = position;
    }
  }
  copyTo(text.length);
  return out;
}

const statement =
  /(?:^|(?<=[\n;]))(?<head>import|export)\b(?<clause>[^'"`;]*?)\bfrom\s*['"](?<from>[^'"]+)['"]/g;
const bareImport = /(?:^|(?<=[\n;]))import\s*['"](?<bare>[^'"]+)['"]/g;
const dynamicImport = /\bimport\s*\(\s*['"](?<dynamic>[^'"]+)['"]/g;

/** Every import and re-export of a file, dynamic ones included. */
export function importsOf(text: string): ImportStatement[] {
  const code = codeOf(text, 'strings');
  const found: ImportStatement[] = [];
  for (const { groups } of code.matchAll(statement)) {
    found.push({ specifier: groups?.['from'] ?? '', typeOnly: isTypeOnly(groups?.['clause'] ?? '') });
  }
  for (const { groups } of code.matchAll(bareImport)) {
    found.push({ specifier: groups?.['bare'] ?? '', typeOnly: false });
  }
  for (const { groups } of code.matchAll(dynamicImport)) {
    found.push({ specifier: groups?.['dynamic'] ?? '', typeOnly: false });
  }
  return found;
}

/** Specifiers that name a package or a module of the platform. */
export function externalImports(text: string): string[] {
  return importsOf(text)
    .map(({ specifier }) => specifier)
    .filter((specifier) => !specifier.startsWith('.'));
}

function isTypeOnly(clause: string): boolean {
  if (/^\s+type\b(?!\s*,)/.test(clause)) return true;
  const names = /^\s*\{([\s\S]*)\}\s*$/.exec(clause)?.[1];
  if (names === undefined) return false;
  const parts = names.split(',').map((name) => name.trim());
  return parts.filter((name) => name !== '').every((name) => /^type\s/.test(name));
}
