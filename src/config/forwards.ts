/**
 * What a configuration says about forwards, for the code that opens them.
 *
 * Owns: the form of it.
 * Must not know: listeners, channels.
 * Source: ssh_config(5).
 */

import type { Settings } from './reading/settings.ts';
import type { ForwardPlace, ForwardSpec } from './syntax/forwardSpecs.ts';

/** The place where a forward listens. */
export type ConfigListen =
  | {
      /** A unix socket. */
      readonly path: string;
    }
  | {
      /** Undefined where only a port is given; empty or `*` for all addresses. */
      readonly host: string | undefined;
      /** 0, of a remote forward, for one that the server chooses. */
      readonly port: number;
    };

/** The place to which a forward leads. */
export type ConfigTarget =
  | {
      /** A unix socket. */
      readonly path: string;
    }
  | {
      /** Name or address; the side that connects looks it up. */
      readonly host: string;
      /** From 1 to 65535. */
      readonly port: number;
    };

/** One LocalForward. */
export interface ConfigForward {
  /** Where it listens. */
  readonly listen: ConfigListen;
  /** Where it leads. */
  readonly target: ConfigTarget;
}

/** One RemoteForward. */
export interface ConfigRemoteForward {
  /** Where the server listens. */
  readonly listen: ConfigListen;
  /** Where it leads; undefined serves SOCKS. */
  readonly target: ConfigTarget | undefined;
}

/** A place that a remote SOCKS forward may lead to. */
export interface PermittedPlace {
  /** A name, an address, or `*`. */
  readonly host: string;
  /** `*` for any. */
  readonly port: number | '*';
}

/** The forwards that a configuration wants, in its order. */
export interface ForwardSettings {
  /** LocalForward. */
  readonly local: readonly ConfigForward[];
  /** DynamicForward: places to listen for SOCKS. */
  readonly dynamic: readonly ConfigListen[];
  /** RemoteForward; without a target it serves SOCKS. */
  readonly remote: readonly ConfigRemoteForward[];
  /** GatewayPorts: forwards with a port alone listen on all addresses. */
  readonly gatewayPorts: boolean;
  /** ExitOnForwardFailure. */
  readonly exitOnFailure: boolean;
  /** StreamLocalBindMask: bits that a unix socket that is made does not get. */
  readonly bindMask: number;
  /** StreamLocalBindUnlink: an old unix socket is removed. */
  readonly unlink: boolean;
  /** PermitRemoteOpen: where a remote SOCKS forward may lead; undefined for anywhere. */
  readonly permitRemoteOpen: readonly PermittedPlace[] | undefined;
}

/** The forwards of complete settings. */
export function forwardsOf(settings: Settings): ForwardSettings {
  const withTarget = (forwards: readonly ForwardSpec[]): readonly ConfigForward[] =>
    forwards.flatMap(({ listen, connect }) =>
      connect === undefined ? [] : [{ listen, target: targetOf(connect) }],
    );
  return {
    local: withTarget(settings.localForwards),
    dynamic: settings.localForwards.flatMap(({ listen, connect }) => (connect === undefined ? [listen] : [])),
    remote: settings.remoteForwards.map(({ listen, connect }) => ({
      listen,
      target: connect === undefined ? undefined : targetOf(connect),
    })),
    gatewayPorts: settings.value('gatewayports') === 'yes',
    exitOnFailure: settings.value('exitonforwardfailure') === 'yes',
    bindMask: Number.parseInt(settings.value('streamlocalbindmask') ?? '0177', 8),
    unlink: settings.value('streamlocalbindunlink') === 'yes',
    permitRemoteOpen: permitted(settings.list('permitremoteopen')),
  };
}

function targetOf(place: ForwardPlace): ConfigTarget {
  return 'path' in place ? place : { host: place.host ?? 'localhost', port: place.port };
}

function permitted(list: readonly string[]): ForwardSettings['permitRemoteOpen'] {
  const [first = 'any'] = list;
  if (first.toLowerCase() === 'any') return undefined;
  if (first.toLowerCase() === 'none') return [];
  return list.map((text) => {
    const colon = text.lastIndexOf(':');
    const port = text.slice(colon + 1);
    return {
      host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'),
      port: port === '*' ? port : Number(port),
    };
  });
}
