/**
 * Tokens, variables and tildes in settings.
 *
 * Owns: which setting takes which, and in what order; what is left for the time
 * when it is used (IdentityFile, CertificateFile, LocalCommand, ProxyCommand,
 * KnownHostsCommand).
 * Must not know: what the tokens stand for.
 * Source: ssh_config(5), TOKENS and ENVIRONMENT VARIABLES.
 */
import { expand, expandTilde, type Tokens } from '../syntax/expansion.ts';
import type { ForwardPlace, ForwardSpec } from '../syntax/forwardSpecs.ts';
import { isNone } from './canonical.ts';
import type { Facts } from './facts.ts';
import { forwardAgentPath } from './ownDirectives.ts';
import { commandLine, problemAt } from './problems.ts';
import type { Settings } from './settings.ts';

/** Expands what is expanded before anything is done. @throws SshError `ERR_SSH_CONFIG` */
export function expandSettings(settings: Settings, tokens: Tokens, facts: Facts): void {
  const { variables } = facts;
  const change = (keyword: string, make: (text: string) => string): void => {
    const text = settings.value(keyword);
    if (text !== undefined) settings.replace(keyword, make(text));
  };
  const changeList = (keyword: string, make: (text: string) => string): void => {
    const list = settings.list(keyword);
    if (list.length > 0) settings.replaceList(keyword, list.map(make));
  };
  const plain = (keyword: string, text: string, withVariables: boolean): string =>
    given(expand(text, { tokens, variables: withVariables ? variables : undefined }), settings, keyword);
  const path = (keyword: string) => (text: string) =>
    plain(keyword, given(expandTilde(text, facts.homes), settings, keyword), true);

  change('hostkeyalias', (alias) => alias.replace(/[A-Z]/g, (letter) => letter.toLowerCase()));
  change('remotecommand', (text) => plain('remotecommand', text, false));
  change('controlpath', path('controlpath'));
  change('identityagent', path('identityagent'));
  changeList('revokedhostkeys', path('revokedhostkeys'));
  change(forwardAgentPath, path('forwardagent'));
  change('versionaddendum', (text) => plain('versionaddendum', text, true));
  for (const keyword of ['globalknownhostsfile', 'userknownhostsfile']) {
    // A list without files is none, and not the default.
    if (isNone(settings.list(keyword)[0])) settings.replaceList(keyword, []);
  }
  changeList('userknownhostsfile', path('userknownhostsfile'));
  changeList('setenv', (text) => {
    const equals = text.indexOf('=');
    return `${text.slice(0, equals)}=${plain('setenv', text.slice(equals + 1), true)}`;
  });
  for (const kind of ['localForwards', 'remoteForwards'] as const) {
    const forwards = settings[kind];
    const place = (one: ForwardPlace): ForwardPlace =>
      'path' in one ? { path: plain(kind, one.path, false) } : one;
    const made = forwards.map(
      ({ listen, connect }): ForwardSpec => ({
        listen: place(listen),
        connect: connect === undefined ? undefined : place(connect),
      }),
    );
    forwards.splice(0, forwards.length, ...made);
  }
}

/** @throws SshError `ERR_SSH_CONFIG` at the line that said it */
function given(
  result: { readonly text: string } | { readonly fault: string },
  settings: Settings,
  keyword: string,
): string {
  if ('text' in result) return result.text;
  throw problemAt(settings.origin(keyword) ?? { file: commandLine, line: 0 }, `${keyword}: ${result.fault}`);
}
