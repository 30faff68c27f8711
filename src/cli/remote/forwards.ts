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
}

/** One forward that stands. */
interface Standing {
  readonly spec: ForwardSpec;
  readonly forward: Forward;
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
    return this.standing.reduce((sum, { forward }) => sum + forward.connections.length, 0);
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

  /** @throws SshError as the client's own calls */
  async add(spec: ForwardSpec): Promise<Forward> {
    const { trace, messages } = this.context;
    const forward = await this.make(spec);
    const standing = { spec, forward };
    this.standing.push(standing);
    void forward.closed.then(() => {
      const at = this.standing.indexOf(standing);
      if (at >= 0) this.standing.splice(at, 1);
    });
    trace.note(`forward: ${forward.name}`);
    // A port that the server chose is known to nobody else.
    if (spec.from.port === 0) messages.say(`Allocated port ${forward.address.port} for ${nameOf(spec)}`);
    return forward;
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
    await found.forward.close();
    return true;
  }

  /** Each forward and the connections through it, a line each. */
  describe(): string {
    const lines = this.standing.flatMap(({ forward }) => [
      `  ${forward.name}, ${forward.connections.length} open`,
      ...forward.connections.map(
        ({ from, to, age }) => `    ${from} to ${to}, since ${(age / 1_000).toFixed(1)} s`,
      ),
    ]);
    return lines.length === 0 ? 'Nothing is forwarded.' : ['Forwards:', ...lines].join('\n');
  }

  private make(spec: ForwardSpec): Promise<Forward> {
    const { client } = this;
    const { signal, trace } = this.context;
    const options = {
      signal,
      onConnectionEnd: (connection: ForwardedConnection, error: Error | undefined) => {
        if (error !== undefined) trace.note(`forwarded connection to ${connection.to}: ${error.message}`);
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
