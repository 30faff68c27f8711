/**
 * `openTunnel` on a platform.
 *
 * Owns: the checks of what it is given, and that keys are read, and a passphrase is
 * asked for, once and not at each dial.
 * Must not know: how a tunnel works.
 */
import { type Address, addressed } from '../../base/addressed.ts';
import type { SshError } from '../../base/errors.ts';
import { CallSite } from '../../endpoint/calls/callSite.ts';
import { publicCall } from '../../endpoint/calls/publicCall.ts';
import {
  checkListen,
  checkTarget,
  type ListenPlace,
  loopback,
  type TargetPlace,
} from '../../forwarding/places.ts';
import { keyPatience } from '../authentication/keyPatience.ts';
import { keySettings, loadUserKeys } from '../authentication/userKeys.ts';
import { createDial } from '../dial/connect.ts';
import { type ConnectOptions, resolveOptions } from '../dial/options.ts';
import type { Platform } from '../platform.ts';
import { resolveTunnelOptions, type TunnelOptions } from './options.ts';
import { Tunnel } from './tunnel.ts';

/** The form of `openTunnel`. */
export type OpenTunnel = (
  connect: ConnectOptions,
  from: ListenPlace,
  to: TargetPlace,
  options?: TunnelOptions,
) => Promise<Tunnel>;

/** `openTunnel` on a platform. */
export function createOpenTunnel(platform: Platform): OpenTunnel {
  return function openTunnel(connect, from, to, options = {}) {
    const site = new CallSite(openTunnel);
    let server: Address | undefined;
    const named = (error: SshError): SshError => (server === undefined ? error : addressed(error, server));
    return publicCall({ site, addressed: named }, async () => {
      const dialled = resolveOptions(connect, () => platform.localUser(), platform.asciiName);
      const { limits, dialTimeout: timeout } = dialled;
      const resolved = resolveTunnelOptions(options, connect);
      const place = checkListen('from', from, loopback);
      const target = checkTarget('to', to);
      server = dialled.target;
      const { clock } = platform;
      const patience = keyPatience({
        clock,
        timeout,
        signal: resolved.given.signal,
        at: { phase: 'options' },
      });
      const keys = await loadUserKeys(connect, keySettings(platform, limits, connect.crypto), patience);
      const dial = createDial(platform);
      return Tunnel.open(place, {
        platform,
        options: resolved,
        maxConnections: options.maxConnections ?? limits.forwardConnections,
        to: target,
        server,
        dial: (signal) => dial({ ...connect, signal }, { keys, site }),
      });
    });
  };
}
