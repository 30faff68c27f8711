/**
 * Forwards as a person types them: `-L`, `-R`, `-D` and `-W` of ssh(1).
 *
 * Owns: the parsing of `[bind_address:]port:host:hostport` and its relatives.
 * Must not know: how a forward is made.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import type { ListenPlace, TargetPlace } from '../../forwarding/places.ts';

/** One forward. */
export type ForwardSpec =
  | { readonly kind: 'local' | 'remote'; readonly from: ListenPlace; readonly to: TargetPlace }
  | { readonly kind: 'socks' | 'remoteSocks'; readonly from: ListenPlace };

/** What stands between the colons; an address in brackets is one field, a path is what has a slash. */
function fieldsOf(option: string, text: string): string[] {
  const fields: string[] = [];
  let rest = text;
  for (;;) {
    const [whole, bracketed, plain = ''] = /^(?:\[([^\]]*)\]|([^:[]*))(?=:|$)/.exec(rest) ?? [];
    if (whole === undefined) throw unreadable(option, text);
    fields.push(bracketed ?? plain);
    if (whole.length === rest.length) return fields;
    rest = rest.slice(whole.length + 1);
  }
}

/**
 * `-L`.
 *
 * @param isOpen whether a port without an address is for other machines as well (-g)
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function parseLocalForward(text: string, isOpen: boolean): ForwardSpec {
  const fields = fieldsOf('-L', text);
  const { from, rest } = listenIn('-L', text, fields, isOpen ? '' : undefined);
  return { kind: 'local', from, to: targetIn('-L', text, rest) };
}

/** `-R`, with a target or as a SOCKS proxy. @throws SshError `ERR_SSH_OPTIONS` */
export function parseRemoteForward(text: string): ForwardSpec {
  const fields = fieldsOf('-R', text);
  const isProxy = fields.length === 1 || (fields.length === 2 && isPort(fields[1]) && !isPath(fields[0]));
  if (isProxy) return { kind: 'remoteSocks', from: portIn('-R', text, fields, undefined) };
  const { from, rest } = listenIn('-R', text, fields, undefined);
  return { kind: 'remote', from, to: targetIn('-R', text, rest) };
}

/** `-D`. @throws SshError `ERR_SSH_OPTIONS` */
export function parseDynamicForward(text: string, isOpen: boolean): ForwardSpec {
  return { kind: 'socks', from: portIn('-D', text, fieldsOf('-D', text), isOpen ? '' : undefined) };
}

/** `-W`. @throws SshError `ERR_SSH_OPTIONS` */
export function parseStdioForward(text: string): TargetPlace {
  return targetIn('-W', text, fieldsOf('-W', text));
}

function listenIn(
  option: string,
  text: string,
  fields: readonly string[],
  host: string | undefined,
): { readonly from: ListenPlace; readonly rest: readonly string[] } {
  const [first, second] = fields;
  if (isPath(first)) return { from: { path: first }, rest: fields.slice(1) };
  // With an address in front there is one field more.
  const hasAddress = isPort(second) && (fields.length === 4 || (fields.length === 3 && isPath(fields[2])));
  const count = hasAddress ? 2 : 1;
  return { from: portIn(option, text, fields.slice(0, count), host), rest: fields.slice(count) };
}

function portIn(
  option: string,
  text: string,
  fields: readonly string[],
  host: string | undefined,
): ListenPlace {
  const [first = '', second] = fields;
  const port = second ?? first;
  if (fields.length > 2 || !isPort(port)) throw unreadable(option, text);
  const address = second === undefined ? host : first;
  return { host: address, port: Number(port) };
}

function targetIn(option: string, text: string, fields: readonly string[]): TargetPlace {
  const [host, port] = fields;
  if (fields.length === 1 && isPath(host)) return { path: host };
  if (fields.length !== 2 || host === '' || host === undefined || !isPort(port) || port === '0') {
    throw unreadable(option, text);
  }
  return { host, port: Number(port) };
}

function isPort(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,5}$/.test(text) && Number(text) <= 65_535;
}

function isPath(text: string | undefined): text is string {
  return text?.includes('/') === true;
}

const forms: Readonly<Record<string, string>> = {
  '-L': '[address:]port:host:port, [address:]port:/path, /path:host:port or /path:/path',
  '-R': '[address:]port:host:port, [address:]port:/path, /path:host:port, /path:/path or [address:]port',
  '-D': '[address:]port',
  '-W': 'host:port or /path',
};

function unreadable(option: string, text: string) {
  return optionsError(`${option} ${quotedText(text)} cannot be read; it takes ${forms[option]}`);
}
