/**
 * Tokens, variables and tildes in values.
 *
 * Owns: how `%h`, `${NAME}` and `~` are replaced: once, from left to right, and
 * what comes in for them is not looked at again.
 * Must not know: which keyword takes which of them, where a home folder is.
 * Source: ssh_config(5), TOKENS and ENVIRONMENT VARIABLES.
 */
import { quotedText } from '../../base/bytes.ts';

/** By the letter behind `%`. */
export type Tokens = Readonly<Record<string, string>>;

/** A value of the environment; undefined where it is not set. */
export type Variables = (name: string) => string | undefined;

export type Expansion = { readonly text: string } | { readonly fault: string };

export interface ExpansionRules {
  /** Undefined where `%` is a character as any other. */
  readonly tokens?: Tokens | undefined;
  /** Undefined where `${` is not looked at. */
  readonly variables?: Variables | undefined;
}

/** Replaces tokens and variables. */
export function expand(text: string, { tokens, variables }: ExpansionRules): Expansion {
  const parts: string[] = [];
  let missing: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (variables !== undefined && character === '$' && text[at + 1] === '{') {
      const end = text.indexOf('}', at + 2);
      if (end < 0)
        return { fault: 'the name of a variable, which begins behind a { sign, has no } behind it' };
      const name = text.slice(at + 2, end);
      if (name === '') return { fault: 'there is no name of a variable between { and }' };
      const value = variables(name);
      if (value === undefined) missing ??= name;
      parts.push(value ?? '');
      at = end;
    } else if (tokens !== undefined && character === '%') {
      const token = text[++at];
      if (token === undefined) return { fault: 'a % at the end stands for nothing; %% is one' };
      if (token !== '%' && !Object.hasOwn(tokens, token)) return { fault: unknownToken(token, tokens) };
      parts.push(token === '%' ? '%' : (tokens[token] ?? ''));
    } else parts.push(character);
  }
  if (missing === undefined) return { text: parts.join('') };
  return { fault: `the variable ${quotedText(missing)} is not set in the environment` };
}

function unknownToken(token: string, tokens: Tokens): string {
  const known = [...new Set(['%', ...Object.keys(tokens)])].map((name) => `%${name}`);
  return `${quotedText(`%${token}`)} is not a token that can stand here; there are ${known.join(', ')}`;
}

/** The home folder of a user, the own one where no name is given; undefined where there is none. */
export type Homes = (user: string | undefined) => string | undefined;

/** Replaces a tilde at the start, with or without the name of a user behind it. */
export function expandTilde(text: string, homes: Homes): Expansion {
  const [whole, user = '', path = ''] = /^~([^/]*)(?:\/+(.*))?$/s.exec(text) ?? [];
  if (whole === undefined) return { text };
  const home = homes(user === '' ? undefined : user);
  if (home === undefined) {
    return { fault: user === '' ? 'this user has no home folder' : `there is no user ${quotedText(user)}` };
  }
  return { text: `${home}${home.endsWith('/') ? '' : '/'}${path}` };
}
