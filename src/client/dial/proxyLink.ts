/**
 * A link that a proxy makes, for `proxy`.
 *
 * Owns: the conversation with the proxy ahead of the server's first byte.
 * Must not know: sockets, what the proxy is asked in (forwarding/socks), SSH.
 *
 * The `connect` deadline covers the way to the proxy and its answer.
 */
import { SshError } from '../../base/errors.ts';
import type { Wait } from '../../base/waits.ts';
import { HttpConnectClient, type ProxyClient, Socks5Client } from '../../forwarding/socks/proxyClient.ts';
import { connectError } from '../../io/connecting/connectErrors.ts';
import type { RaceWaits } from '../../io/connecting/raceLink.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from '../../io/link.ts';
import type { ProxyPlace } from './proxy.ts';

/**
 * @param way leads to the proxy
 * @param target what the proxy is asked for
 */
export function proxyLink(
  way: LinkOpener,
  proxy: ProxyPlace,
  target: { readonly host: string; readonly port: number },
  waits: RaceWaits,
  now: () => number,
): LinkOpener {
  return (receiver) => new ProxyLink(way, proxy, target, waits, now, receiver);
}

/** Is the receiver of the way to the proxy, and the link of the caller. */
class ProxyLink implements Link, LinkReceiver {
  private readonly proxy: ProxyPlace;
  private readonly target: { readonly host: string; readonly port: number };
  private readonly waits: RaceWaits;
  private readonly now: () => number;
  private readonly receiver: LinkReceiver;
  private readonly deadline: number;
  private readonly asking: ProxyClient;
  private link: Link;
  private wait: Wait | undefined;
  private state: 'connecting' | 'asking' | 'open' | 'over' = 'connecting';

  constructor(
    way: LinkOpener,
    proxy: ProxyPlace,
    target: { readonly host: string; readonly port: number },
    waits: RaceWaits,
    now: () => number,
    receiver: LinkReceiver,
  ) {
    this.proxy = proxy;
    this.target = target;
    this.waits = waits;
    this.now = now;
    this.receiver = receiver;
    this.deadline = now() + waits.timeout;
    const request = { ...target, credentials: proxy.credentials };
    this.asking = proxy.kind === 'http' ? new HttpConnectClient(request) : new Socks5Client(request);
    this.link = way(this);
  }

  // What the way to the proxy reports ---------------------------------------------------

  connected(link: Link = this.link): void {
    this.link = link;
    if (this.state !== 'connecting') return;
    this.state = 'asking';
    const { host, port } = this.target;
    const now = this.now();
    const detail = `${this.proxy.shown} to connect to ${host}:${port}`;
    this.wait = this.waits.table.start('connect', detail, now, this.deadline - now, () => {
      // The bound of the whole ends the dial at the same moment, with what `progress` says.
      this.answered();
    });
    this.say();
  }

  received(chunk: Uint8Array): void {
    if (this.state === 'open') return this.receiver.received(chunk);
    if (this.state !== 'asking') return;
    this.asking.receive(chunk);
    this.say();
    if (this.asking.state === 'asking') return;
    this.answered();
    if (this.asking.state === 'failed') return this.failed(this.asking.fault ?? 'it failed');
    this.state = 'open';
    this.receiver.connected();
    // What the server said at once came behind the proxy's answer.
    if (this.asking.rest.length > 0) this.receiver.received(this.asking.rest);
  }

  lent(chunk: Uint8Array): void {
    if (this.state === 'open') this.receiver.lent(chunk);
    else this.received(chunk.slice());
  }

  ended(error: Error | undefined): void {
    const { state } = this;
    if (state === 'over') return;
    if (state === 'open') return this.receiver.ended(error);
    this.answered();
    if (state === 'asking' && error === undefined)
      return this.failed('it closed the connection without an answer');
    this.state = 'over';
    this.receiver.ended(connectError(error, `the proxy ${this.proxy.shown}`));
  }

  written(): void {
    if (this.state === 'open') this.receiver.written();
  }

  closed(): void {
    this.ended(undefined);
    this.receiver.closed();
  }

  // Link --------------------------------------------------------------------------------

  write(bytes: Uint8Array): boolean {
    return this.state === 'open' && this.link.write(bytes);
  }

  unsentBytes(): number {
    return this.link.unsentBytes();
  }

  writeBacklog(): number {
    return this.link.writeBacklog();
  }

  end(): void {
    this.link.end();
  }

  destroy(): void {
    this.answered();
    if (this.state !== 'open') this.state = 'over';
    this.link.destroy();
  }

  addresses(): LinkAddresses {
    return this.link.addresses();
  }

  progress(): string {
    const { proxy, state } = this;
    if (state === 'asking') return `the proxy ${proxy.shown} does not answer`;
    const way = this.link.progress?.();
    return `no connection to the proxy ${proxy.shown}${way === undefined || way === '' ? '' : `: ${way}`}`;
  }

  private say(): void {
    const bytes = this.asking.takeOutput();
    if (bytes !== undefined) this.link.write(bytes);
  }

  private answered(): void {
    this.waits.table.finish(this.wait);
    this.wait = undefined;
  }

  private failed(why: string): void {
    this.state = 'over';
    const { host, port } = this.target;
    const message = `the proxy ${this.proxy.shown} does not connect to ${host}:${port}: ${why}`;
    this.receiver.ended(new SshError('ERR_SSH_CONNECT', message, { phase: 'connect', origin: 'network' }));
    this.link.destroy();
  }
}
