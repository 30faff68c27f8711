/**
 * Hosts with several addresses on real sockets: a name is what `dns.lookup` says it is.
 */
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns';
import { createServer as createTcpServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { acceptAnyHostKey, type ConnectOptions, connect, SshError } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { ClosedPort } from '../support/closedPort.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

let server: SshServer;
let port: number;

beforeAll(async () => {
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    exec: (process, command) => {
      process.stdout.end(command);
      return 0;
    },
  });
  ({ port } = await server.listen(0, '127.0.0.1'));
});

afterAll(() => server.close());

afterEach(async () => {
  vi.restoreAllMocks();
  await nothingIsLeft();
});

/** `name.example` has these addresses; what was asked for is returned. */
function resolveTo(...addresses: readonly string[]): LookupAllOptions[] {
  const asked: LookupAllOptions[] = [];
  const lookup = (
    host: string,
    options: LookupAllOptions,
    callback: (error: Error | null, found: LookupAddress[]) => void,
  ): void => {
    expect(host).toBe('name.example');
    asked.push(options);
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    setImmediate(() => callback(null, found));
  };
  vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
  return asked;
}

function dial(options: ConnectOptions = {}): ReturnType<typeof connect> {
  return connect({
    host: 'name.example',
    port,
    username: 'ops',
    verifyHostKey: acceptAnyHostKey(),
    auth: ['none'],
    ...options,
  });
}

async function failure(options: ConnectOptions): Promise<SshError> {
  const error: unknown = await dial(options).then(
    (client) => client.close(),
    (reason: unknown) => reason,
  );
  if (error instanceof SshError) return error;
  throw new Error('an SshError was expected', { cause: error });
}

/** Sockets of this process that are open or being connected. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}

describe('a name with several addresses', () => {
  it.each<[string, ConnectOptions]>([
    ['', {}],
    [' with a family', { family: 4 }],
    [' from a local address', { localAddress: '127.0.0.1' }],
  ])('is reached by the next one where the first refuses%s', async (_, options) => {
    const asked = resolveTo('127.0.0.2', '127.0.0.1');
    const before = sockets();
    const client = await dial(options);
    expect((await client.run('by the second')).stdout).toBe('by the second');
    expect(client.inspect().addresses?.remoteAddress).toBe('127.0.0.1');
    expect(client.inspect().waits.filter(({ name }) => name === 'connect')).toEqual([]);
    expect(asked).toHaveLength(1);
    const isEither = Object.keys(options).length === 0;
    // No question about a family of which this machine has no address, as with Node's own connections.
    const hints = isEither && process.platform !== 'win32' ? dns.ADDRCONFIG : 0;
    expect(asked[0]).toEqual({ all: true, family: isEither ? 0 : 4, hints });
    // Its own and the server's.
    expect(sockets() - before).toBe(2);
    await client.close();
  });

  it('is connected to from the local address', async () => {
    resolveTo('127.0.0.1');
    const client = await dial({ localAddress: '127.0.0.3' });
    expect(client.inspect().addresses?.localAddress).toBe('127.0.0.3');
    await client.close();
  });

  it('is told of by each of them, where all refuse', async () => {
    await using closed = await ClosedPort.hold('127.0.0.1', '127.0.0.2');
    const refusing = closed.port;
    resolveTo('127.0.0.2', '127.0.0.1');
    const before = sockets();
    const error = await failure({ port: refusing });
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect', origin: 'network' });
    expect(error.message).toBe(
      `cannot connect to name.example:${refusing}: 127.0.0.2: connection refused (ECONNREFUSED); 127.0.0.1: connection refused (ECONNREFUSED)`,
    );
    expect(error.cause).toMatchObject({
      code: 'ECONNREFUSED',
      errors: [{ address: '127.0.0.2' }, { address: '127.0.0.1' }],
    });
    await nothingIsLeft();
    expect(sockets()).toBe(before);
  });

  it('is told of by the platform’s own error, where it has one address', async () => {
    await using closed = await ClosedPort.hold();
    const refusing = closed.port;
    resolveTo('127.0.0.1');
    const error = await failure({ port: refusing });
    expect(error.message).toBe(
      `cannot connect to name.example:${refusing}: 127.0.0.1: connection refused (ECONNREFUSED)`,
    );
    expect(error.cause).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' });
  });

  it('needs no look-up where it is an address', async () => {
    const asked = resolveTo();
    const client = await dial({ host: '127.0.0.1' });
    await client.close();
    expect(asked).toEqual([]);
  });

  it('has none of the family that is asked for, or is an address of the other one', async () => {
    resolveTo('127.0.0.1');
    const none = await failure({ family: 6 });
    expect(none.message).toBe(`cannot connect to name.example:${port}: it has no IPv6 address`);
    const literal = await failure({ host: '127.0.0.1', family: 6 });
    expect(literal).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect' });
    expect(literal.message).toContain('it has no IPv6 address');
  });

  it('that nobody knows is told of as such', async () => {
    vi.spyOn(dns, 'lookup').mockImplementation(((
      _host: string,
      _options: object,
      callback: (e: Error) => void,
    ) => {
      setImmediate(() => callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' })));
    }) as typeof dns.lookup);
    const error = await failure({});
    expect(error.message).toBe(`cannot connect to name.example:${port}: there is no such host (ENOTFOUND)`);
    expect(error.cause).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('that the resolver throws over is told of as a failure to connect', async () => {
    vi.spyOn(dns, 'lookup').mockImplementation((() => {
      throw new TypeError('an odd name');
    }) as unknown as typeof dns.lookup);
    const error = await failure({});
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', cause: { message: 'an odd name' } });
  });
});

describe('a local address', () => {
  it.each<[string, ConnectOptions, string]>([
    [
      'is an address and not a name',
      { localAddress: 'localhost' },
      'localAddress must be an address, not "localhost"',
    ],
    [
      'is of the family that is asked for',
      { localAddress: '127.0.0.1', family: 6 },
      'localAddress 127.0.0.1 is an IPv4 address, and family asks for IPv6',
    ],
  ])('%s', async (_, options, message) => {
    const error = await failure({ host: '127.0.0.1', ...options });
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', message: expect.stringContaining(message) });
  });

  it('that is not one of this machine is told of as such', async () => {
    const error = await failure({ host: '127.0.0.1', localAddress: '192.0.2.77' });
    expect(error.message).toContain('the local address is not one of this machine');
  });
});

it('a connection that is accepted and closed at once is not taken for one that failed', async () => {
  const hangsUp = createTcpServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => hangsUp.listen(0, '127.0.0.1', resolve));
  resolveTo('127.0.0.1', '127.0.0.2');
  const error = await failure({ port: (hangsUp.address() as { port: number }).port });
  expect(error.phase).toBe('identification');
  await new Promise((resolve) => hangsUp.close(resolve));
});
