/**
 * The forwards of a session of the command.
 *
 * Owns: that all of them stand before the session begins, what is said of each,
 * those that come and go while it lasts (~C).
 * Must not know: how they are typed, how a forward works.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { ForwardSettings } from '../../config/forwards.ts';
import type { Forward, ForwardedConnection } from '../../forwarding/forward.ts';
import { placeText } from '../../forwarding/places.ts';
import { errorCode } from '../../node/knownHosts/regularFile.ts';
import type { Trace } from '../connection/trace.ts';
import { messageOf } from '../errorWords.ts';
import type { Messages } from '../messages.ts';
import type { ForwardSpec } from './forwardSpecs.ts';

export interface ForwardContext {
  readonly trace: Trace;
  readonly messages: Messages;
  readonly signal: AbortSignal;
  /** PermitRemoteOpen: where a SOCKS proxy on the server may lead; undefined for anywhere. */
  readonly permitRemoteOpen: ForwardSettings['permitRemoteOpen'];
  /** AddressFamily: what is listened on here, where an address of this machine has both. */
  readonly family: 4 | 6 | undefined;
  /** A connection through one of them is over. */
  readonly onConnectionEnd?: () => void;
}

/** One forward that stands. */
interface Standing {
  readonly spec: ForwardSpec;
  /** Several where it listens on several addresses. */
  readonly forwards: Set<Forward>;
}

export class Forwards {
  private readonly client: Client;
  private readonly context: ForwardContext;
  private readonly standing: Standing[] = [];

  constructor(client: Client, context: ForwardContext) {
    this.client = client;
    this.context = context;
  }

  /** Connections through all of them. */
  get open(): number {
    return this.standing.reduce((sum, { forwards }) => sum + connectionsOf(forwards), 0);
  }

  /** How many stand. */
  get count(): number {
    return this.standing.length;
  }

  /**
   * Makes the forwards. One that cannot be made is said to be, and the others go on.
   *
   * @param areDemanded whether the first that cannot be made ends it
   * @throws SshError where `areDemanded`, or the connection has ended
   */
  async start(specs: readonly ForwardSpec[], areDemanded: boolean): Promise<void> {
    for (const spec of specs) {
      try {
        await this.add(spec);
      } catch (error) {
        if (areDemanded || !(error instanceof SshError) || error.code !== 'ERR_SSH_FORWARD') throw error;
        this.context.messages.say(messageOf(error));
      }
    }
  }

  /** Whether there is such a forward: to the same place. */
  has(spec: ForwardSpec): boolean {
    const text = JSON.stringify(spec);
    return this.standing.some((one) => JSON.stringify(one.spec) === text);
  }

  /** @throws SshError as the client's own calls */
  async add(spec: ForwardSpec): Promise<Forward> {
    const { messages, family } = this.context;
    const [first = spec, ...others] = eachAddress(spec, family);
    const forward = await this.make(first);
    const standing: Standing = { spec, forwards: new Set() };
    this.standing.push(standing);
    this.keep(standing, forward);
    for (const other of others) await this.addBeside(standing, other, forward.address.port);
    // A port that the server chose is known to nobody else.
    if (spec.from.port === 0) messages.say(`Allocated port ${forward.address.port} for ${nameOf(spec)}`);
    return forward;
  }

  /** The same port of another address. A machine need not have that address, and the forward stands without it. */
  private async addBeside(standing: Standing, spec: ForwardSpec, port: number | undefined): Promise<void> {
    const { trace, messages } = this.context;
    try {
      this.keep(standing, await this.make({ ...spec, from: { ...spec.from, port } } as ForwardSpec));
    } catch (error) {
      if (!(error instanceof SshError) || error.code !== 'ERR_SSH_FORWARD') throw error;
      const isMissing = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL'].includes(errorCode(error.cause));
      if (isMissing) trace.note(messageOf(error));
      else messages.say(`warning: ${messageOf(error)}`);
    }
  }

  private keep(standing: Standing, forward: Forward): void {
    standing.forwards.add(forward);
    this.context.trace.note(`forward: ${forward.name}`);
    void forward.closed.then(() => {
      standing.forwards.delete(forward);
      const at = this.standing.indexOf(standing);
      if (standing.forwards.size === 0 && at >= 0) this.standing.splice(at, 1);
    });
  }

  /** @returns whether there was such a forward */
  async cancel(kinds: readonly ForwardSpec['kind'][], from: ForwardSpec['from']): Promise<boolean> {
    const found = this.standing.find(
      ({ spec }) =>
        kinds.includes(spec.kind) &&
        spec.from.path === from.path &&
        spec.from.port === from.port &&
        (from.host === undefined || spec.from.host === from.host),
    );
    if (found === undefined) return false;
    await Promise.all([...found.forwards].map((forward) => forward.close()));
    return true;
  }

  /** Each forward and the connections through it, a line each. */
  describe(): string {
    const lines = this.standing.flatMap(({ forwards }) =>
      [...forwards].flatMap(({ name, connections }) => [
        `  ${name}, ${connections.length} open`,
        ...connections.map(
          ({ from, to, age }) => `    ${from} to ${to}, since ${(age / 1_000).toFixed(1)} s`,
        ),
      ]),
    );
    return lines.length === 0 ? 'Nothing is forwarded.' : ['Forwards:', ...lines].join('\n');
  }

  private make(spec: ForwardSpec): Promise<Forward> {
    const { client } = this;
    const { signal, trace } = this.context;
    const options = {
      signal,
      onConnectionEnd: (connection: ForwardedConnection, error: Error | undefined) => {
        if (error !== undefined) trace.note(`forwarded connection to ${connection.to}: ${error.message}`);
        this.context.onConnectionEnd?.();
      },
    };
    switch (spec.kind) {
      case 'local':
        return client.forwardLocal(spec.from, spec.to, options);
      case 'remote':
        return client.forwardRemote(spec.from, spec.to, options);
      case 'socks':
        return client.forwardSocks(spec.from, options);
      case 'remoteSocks':
        return client.forwardRemoteSocks(spec.from, { ...options, ...this.permission() });
      default:
        return spec satisfies never;
    }
  }

  private permission(): { readonly permit?: (to: { host: string; port: number }) => boolean } {
    const { permitRemoteOpen } = this.context;
    if (permitRemoteOpen === undefined) return {};
    return {
      permit: ({ host, port }) =>
        permitRemoteOpen.some(
          (one) =>
            (one.host === '*' || one.host.toLowerCase() === host.toLowerCase()) &&
            (one.port === '*' || one.port === port),
        ),
    };
  }
}

function nameOf(spec: ForwardSpec): string {
  return 'to' in spec ? `the forward to ${placeText(spec.to)}` : 'the SOCKS proxy';
}

function connectionsOf(forwards: ReadonlySet<Forward>): number {
  return [...forwards].reduce((sum, { connections }) => sum + connections.length, 0);
}

/**
 * A forward for each address that is listened on. As with ssh, a port alone and
 * `localhost` are this machine by both families.
 */
function eachAddress(spec: ForwardSpec, family: 4 | 6 | undefined): readonly ForwardSpec[] {
  const { from, kind } = spec;
  if ((kind !== 'local' && kind !== 'socks') || from.path !== undefined) return [spec];
  const on = (host: string): ForwardSpec => ({ ...spec, from: { ...from, host } });
  if (from.host === '') return family === 4 ? [on('0.0.0.0')] : [spec];
  if (from.host !== undefined && from.host !== 'localhost') return [spec];
  return [...(family === 6 ? [] : [on('127.0.0.1')]), ...(family === 4 ? [] : [on('::1')])];
}
