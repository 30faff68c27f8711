/**
 * Forwards as a person types them: `-L`, `-R`, `-D` and `-W` of ssh(1).
 *
 * Owns: what each option takes, its form as a keyword of ssh_config, and what the
 * forwards of a configuration come to.
 * Must not know: the grammar of a forward (`config/`), how one is made.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { ConfigListen, ForwardSettings } from '../../config/forwards.ts';
import { type ForwardPlace, parseForward } from '../../config/syntax/forwardSpecs.ts';
import type { ListenPlace, TargetPlace } from '../../forwarding/places.ts';
import { nodeFacts } from '../../node/config/configFacts.ts';
import { quoteWord } from './configWord.ts';

/** One forward. */
export type ForwardSpec =
  | { readonly kind: 'local' | 'remote'; readonly from: ListenPlace; readonly to: TargetPlace }
  | { readonly kind: 'socks' | 'remoteSocks'; readonly from: ListenPlace };

const forms = {
  '-L': '[address:]port:host:port, [address:]port:/path, /path:host:port or /path:/path',
  '-R': '[address:]port:host:port, [address:]port:/path, /path:host:port, /path:/path or [address:]port',
  '-D': '[address:]port',
  '-W': 'host:port or /path',
} as const;

const kinds = { '-L': ['local'], '-R': ['remote', 'remoteDynamic'], '-D': ['dynamic'] } as const;

/** A forward as the option has it. */
export interface TypedForward {
  /** The value of the keyword; undefined for a forward that no file can have. */
  readonly value: string | undefined;
  /** A local port that the system is to choose, which ssh_config does not have. */
  readonly own: ForwardSpec | undefined;
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseTypedForward(option: '-L' | '-R' | '-D', text: string): TypedForward {
  const { services } = nodeFacts();
  for (const kind of kinds[option]) {
    const spec = parseForward(text, kind, services);
    if (spec === undefined) continue;
    const places = spec.connect === undefined ? [spec.listen] : [spec.listen, spec.connect];
    return { value: places.map((place) => quoteWord(written(place))).join(' '), own: undefined };
  }
  // A server may choose a port, so there the grammar has a 0.
  const anyPort =
    option === '-R' ? undefined : parseForward(text, option === '-L' ? 'remote' : 'remoteDynamic', services);
  if (anyPort === undefined) throw unreadable(option, text);
  const { listen, connect } = anyPort;
  if (connect === undefined) return { value: undefined, own: { kind: 'socks', from: listen } };
  return { value: undefined, own: { kind: 'local', from: listen, to: targetOf(connect) } };
}

/** What a configuration says of everything that listens here. */
export type ListenSettings = Pick<ForwardSettings, 'gatewayPorts' | 'bindMask' | 'unlink'>;

/** A forward that is asked for during a session. @throws SshError `ERR_SSH_OPTIONS` */
export function forwardOf(option: '-L' | '-R' | '-D', text: string, settings: ListenSettings): ForwardSpec {
  const { services } = nodeFacts();
  for (const kind of kinds[option]) {
    const spec = parseForward(text, kind, services);
    if (spec === undefined) continue;
    const { listen, connect } = spec;
    const from = option === '-R' ? listen : listening(listen, settings);
    if (connect === undefined) return { kind: option === '-D' ? 'socks' : 'remoteSocks', from };
    return { kind: option === '-L' ? 'local' : 'remote', from, to: targetOf(connect) };
  }
  throw unreadable(option, text);
}

function listening(place: ConfigListen, { gatewayPorts, bindMask, unlink }: ListenSettings): ListenPlace {
  if ('path' in place) return { path: place.path, mode: 0o777 & ~bindMask, unlink };
  // A port alone is this machine's, unless others are let in.
  return { host: place.host ?? (gatewayPorts ? '' : undefined), port: place.port };
}

function targetOf(place: ForwardPlace): TargetPlace {
  return 'path' in place ? place : { host: place.host ?? 'localhost', port: place.port };
}

/**
 * The forwards of a configuration, in the order in which they are made.
 *
 * @param own those that no configuration can have
 */
export function forwardSpecs(settings: ForwardSettings, own: readonly ForwardSpec[]): readonly ForwardSpec[] {
  return [
    ...own,
    ...settings.local.map(
      ({ listen, target }): ForwardSpec => ({ kind: 'local', from: listening(listen, settings), to: target }),
    ),
    ...settings.dynamic.map((listen): ForwardSpec => ({ kind: 'socks', from: listening(listen, settings) })),
    ...settings.remote.map(({ listen, target }): ForwardSpec => {
      const from = 'path' in listen ? { path: listen.path } : listen;
      return target === undefined ? { kind: 'remoteSocks', from } : { kind: 'remote', from, to: target };
    }),
  ];
}

/** `-W`. @throws SshError `ERR_SSH_OPTIONS` */
export function parseStdioForward(text: string): TargetPlace {
  if (text.includes('/')) return { path: text };
  const [, bracketed, plain = '', port = ''] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === '' || Number(port) < 1 || Number(port) > 65_535) throw unreadable('-W', text);
  return { host, port: Number(port) };
}

/** In the form that a file has. Only what has colons needs brackets; a path that has some is quoted by them too. */
function written(place: ForwardPlace): string {
  if ('path' in place) return place.path.includes(':') ? `[${place.path}]` : place.path;
  return place.host === undefined ? String(place.port) : `[${place.host}]:${place.port}`;
}

function unreadable(option: keyof typeof forms, text: string): Error {
  return optionsError(`${option} ${quotedText(text)} cannot be read; it takes ${forms[option]}`);
}
