/**
 * An agent for Node's HTTP clients over connections that somebody else opens.
 *
 * Owns: one agent for `http:` and `https:`, and a dispatcher for `fetch`.
 * Must not know: SSH, how a connection is opened.
 *
 * A request gets its socket at once, as from an agent of Node's own: so its timeout and
 * its abort hold while the connection is made.
 *
 * Node's modules for it are loaded when the first agent is made.
 */
import type { Agent, AgentOptions, ClientRequest, ClientRequestArgs } from 'node:http';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import type { AgentConnect, AgentConnection, TunnelAgent } from '../endpoint/httpAgent.ts';
import type { Duplex } from '../endpoint/streams.ts';

type Connected = (error: Error | null, stream: Duplex) => void;

interface RequestOptions extends ConnectionOptions {
  readonly protocol?: string | null;
  readonly _defaultAgent?: { readonly protocol?: string };
}

/** Where undici, as this runtime has it built in, keeps the dispatcher of `fetch`. */
const globalDispatcher = Symbol.for('undici.globalDispatcher.1');

export function createHttpAgent(connect: AgentConnect, given: AgentOptions): TunnelAgent {
  const http = process.getBuiltinModule('node:http');
  const https = process.getBuiltinModule('node:https');
  const tls = process.getBuiltinModule('node:tls');
  /** Connections that are being made, or have their handshake to do. */
  const underWay = new Set<Duplex>();

  const open = ({ host, port }: RequestOptions): AgentConnection => {
    const connection = connect(host ?? 'localhost', Number(port));
    const { stream, opened } = connection;
    underWay.add(stream);
    const over = (): boolean => underWay.delete(stream);
    opened.then(over, over);
    return connection;
  };

  /** TLS over a connection. */
  const secured = ({ stream, opened, boundHandshake }: AgentConnection, options: RequestOptions): Duplex => {
    const secure = tls.connect({ ...options, socket: stream });
    // TLS would say that it was disconnected, and not why. It may say so as well, when nobody listens any more.
    stream.once('error', (error) => secure.destroy(error));
    secure.on('error', () => {});
    underWay.add(secure);
    opened.then(
      () => {
        if (secure.destroyed) return;
        const done = boundHandshake();
        secure.once('secureConnect', done).once('close', done);
      },
      () => {},
    );
    const over = (): boolean => underWay.delete(secure);
    secure.once('secureConnect', over).once('close', over);
    return secure;
  };

  // Not among the types of Node, and what `agent-base` and others build on.
  const { addRequest } = http.Agent.prototype as unknown as {
    readonly addRequest: (this: Agent, request: ClientRequest, options: RequestOptions) => void;
  };

  class ServerAgent extends http.Agent implements TunnelAgent {
    private made: object | undefined;

    constructor() {
      super({ keepAlive: true, ...given });
      // Both protocols: a request is refused whose protocol is not that of its agent.
      Reflect.set(this, 'protocol', undefined);
    }

    /** Called for each request; the port of a request that names none is that of plain HTTP. */
    addRequest(request: ClientRequest, options: RequestOptions): void {
      const place = isSecure(options) && options.port === 80 ? { ...options, port: 443 } : options;
      addRequest.call(this, request, place);
    }

    /** Connections of both kinds to one place are not to be mixed up. */
    override getName(options?: ClientRequestArgs): string {
      if (!isSecure((options ?? {}) as RequestOptions)) return super.getName(options);
      return `secure:${https.Agent.prototype.getName.call(this, options)}`;
    }

    override createConnection(options: ClientRequestArgs): Duplex {
      const target = options as RequestOptions;
      const connection = open(target);
      const { stream } = connection;
      if (isSecure(target)) return secured(connection, target);
      const { timeout = 0 } = options;
      if (timeout > 0) stream.setTimeout(timeout);
      return stream;
    }

    get dispatcher(): object | undefined {
      this.made ??= createDispatcher((target, isSecured, connected) => {
        const connection = open(target);
        if (!isSecured) {
          const { stream, opened } = connection;
          return void opened.then(
            () => connected(null, stream),
            (error: Error) => refuse(connected, error),
          );
        }
        const secure = secured(connection, target);
        const failed = (error: Error): void => refuse(connected, error);
        secure.once('error', failed);
        secure.once('secureConnect', () => {
          secure.off('error', failed);
          connected(null, secure);
        });
      });
      return this.made;
    }

    override destroy(): void {
      for (const stream of underWay) stream.destroy(new Error('the agent was destroyed'));
      super.destroy();
      (this.made as { destroy?: () => Promise<void> } | undefined)?.destroy?.().catch(() => {});
    }
  }
  return new ServerAgent();
}

/** Who is told of an error gets no stream, which the types of Node do not know. */
function refuse(connected: Connected, error: Error): void {
  (connected as (error: Error) => void)(error);
}

function isSecure(options: RequestOptions): boolean {
  return (options.protocol ?? options._defaultAgent?.protocol) === 'https:';
}

interface DispatchTarget extends ConnectionOptions {
  readonly hostname: string;
  readonly protocol: string;
}

function createDispatcher(
  open: (options: RequestOptions, isSecure: boolean, connected: Connected) => void,
): object | undefined {
  // The runtime loads it when it is first asked for any of its classes.
  void globalThis.Response;
  const known = Reflect.get(globalThis, globalDispatcher) as object | undefined;
  const Dispatcher = known?.constructor as (new (options: object) => object) | undefined;
  if (Dispatcher === undefined || Dispatcher === Object) return undefined;
  return new Dispatcher({
    connect: ({ hostname, protocol, port, servername }: DispatchTarget, connected: Connected) => {
      const secure = protocol === 'https:';
      const host = hostname.replace(/^\[|\]$/g, '');
      // An address is no name that a server could be asked for (RFC 6066 §3).
      const name = isIP(host) === 0 ? (servername ?? host) : '';
      const to = { host, port: Number(port || (secure ? 443 : 80)), servername: name };
      open(secure ? { ...to, ALPNProtocols: ['http/1.1'] } : to, secure, connected);
    },
  });
}
