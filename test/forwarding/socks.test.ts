/**
 * SOCKS 4, 4a and 5 from both sides, and HTTP CONNECT, as synchronous machines
 * (RFC 1928, RFC 1929, RFC 9110 §9.3.6).
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { addressBytes, addressText } from '../../src/forwarding/socks/addresses.ts';
import {
  HttpConnectClient,
  type ProxyClient,
  type ProxyRequest,
  Socks5Client,
} from '../../src/forwarding/socks/proxyClient.ts';
import {
  type SocksReply,
  SocksServer,
  type SocksServerOptions,
  socksReplies,
} from '../../src/forwarding/socks/socksServer.ts';

const plain: SocksServerOptions = { greetingLength: 1024 };
const locked: SocksServerOptions = {
  greetingLength: 1024,
  credentials: { username: 'ops', password: 'secret' },
};

/** Feeds all bytes, cut wherever the numbers say, and returns what was said. */
function feed(server: SocksServer, bytes: Uint8Array, cuts: readonly number[] = []): number[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const said: number[] = [];
  [0, ...at].forEach((start, i) => {
    server.receive(bytes.slice(start, at[i] ?? bytes.length));
    said.push(...(server.takeOutput() ?? []));
  });
  return said;
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const port = (value: number): Uint8Array => bytes(value >> 8, value & 0xff);
const domain = (name: string): Uint8Array => concatBytes(bytes(3, name.length), utf8Encode(name));

const name = fc.stringMatching(/^[a-z0-9.-]{1,255}$/);
const portNumber = fc.integer({ min: 0, max: 65_535 });
const cuts = fc.array(fc.nat(400), { maxLength: 12 });

describe('a SOCKS server', () => {
  it('RFC 1928 §4: takes CONNECT to a name, however the bytes arrive, and leaves what follows', () => {
    fc.assert(
      fc.property(name, portNumber, fc.uint8Array({ maxLength: 30 }), cuts, (host, number, rest, at) => {
        const server = new SocksServer(plain);
        const greeting = concatBytes(bytes(5, 1, 0, 5, 1, 0), domain(host), port(number), rest);
        expect(feed(server, greeting, at)).toEqual([5, 0]);
        expect(server.request).toEqual({ version: 5, host, port: number });
        expect(server.rest).toEqual(rest);
        server.answer(socksReplies.succeeded);
        expect([...(server.takeOutput() ?? [])]).toEqual([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      }),
    );
  });

  it('RFC 1928 §5: takes addresses of both families', () => {
    const four = new SocksServer(plain);
    feed(four, concatBytes(bytes(5, 2, 2, 0, 5, 1, 0, 1, 10, 0, 0, 7), port(443)));
    expect(four.request).toEqual({ version: 5, host: '10.0.0.7', port: 443 });
    const six = new SocksServer(plain);
    feed(six, concatBytes(bytes(5, 1, 0, 5, 1, 0, 4), addressBytes('2001:db8::1') ?? bytes(), port(22)));
    expect(six.request).toEqual({ version: 5, host: '2001:db8::1', port: 22 });
  });

  it('SOCKS 4 and 4A: takes addresses, and names behind 0.0.0.x', () => {
    fc.assert(
      fc.property(name, portNumber, cuts, (host, number, at) => {
        const four = new SocksServer(plain);
        feed(four, concatBytes(bytes(4, 1), port(number), bytes(10, 1, 2, 3), utf8Encode('me\0')), at);
        expect(four.request).toEqual({ version: 4, host: '10.1.2.3', port: number });
        const named = new SocksServer(plain);
        feed(
          named,
          concatBytes(bytes(4, 1), port(number), bytes(0, 0, 0, 9, 0), utf8Encode(`${host}\0`)),
          at,
        );
        expect(named.request).toEqual({ version: 4, host, port: number });
        named.answer(socksReplies.connectionRefused);
        expect([...(named.takeOutput() ?? [])]).toEqual([0, 91, 0, 0, 0, 0, 0, 0]);
      }),
    );
  });

  it.each([
    ['another version', plain, bytes(9, 1, 0), [], 'SOCKS version 9; 4 and 5 are spoken here'],
    [
      'a web browser',
      plain,
      utf8Encode('GET / HTTP/1.1\r\n'),
      [],
      'SOCKS version 71; 4 and 5 are spoken here',
    ],
    [
      'no method that fits',
      plain,
      bytes(5, 1, 2),
      [5, 255],
      'a program that offers no SOCKS method without authentication',
    ],
    [
      'BIND',
      plain,
      bytes(5, 1, 0, 5, 2, 0, 1, 1, 1, 1, 1, 0, 80),
      [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
      'SOCKS command 2; CONNECT is served here',
    ],
    [
      'UDP',
      plain,
      bytes(5, 1, 0, 5, 3, 0, 1, 1, 1, 1, 1, 0, 80),
      [5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0],
      'SOCKS command 3; CONNECT is served here',
    ],
    [
      'a type of address',
      plain,
      bytes(5, 1, 0, 5, 1, 0, 2, 1),
      [5, 0, 5, 8, 0, 1, 0, 0, 0, 0, 0, 0],
      'SOCKS address type 2',
    ],
    [
      'no host',
      plain,
      bytes(5, 1, 0, 5, 1, 0, 3, 0, 0, 80),
      [5, 0, 5, 1, 0, 1, 0, 0, 0, 0, 0, 0],
      'a SOCKS request without a host',
    ],
    [
      'SOCKS 4 where a password is asked',
      locked,
      bytes(4, 1, 0, 80, 1, 1, 1, 1, 0),
      [0, 91, 0, 0, 0, 0, 0, 0],
      'SOCKS 4, which has no password, at a proxy that asks for one',
    ],
    [
      'no password where one is asked',
      locked,
      bytes(5, 1, 0),
      [5, 255],
      'a program that offers no SOCKS user name and password',
    ],
  ])('refuses %s in the words of the protocol', (_what, options, greeting, said, fault) => {
    const server = new SocksServer(options);
    expect(feed(server, greeting)).toEqual(said);
    expect(server.fault).toBe(fault);
    expect(server.request).toBeUndefined();
    expect(feed(server, greeting)).toEqual([]);
  });

  it('RFC 1929: lets in who knows the password, and nobody else', () => {
    const login = (user: string, password: string): Uint8Array =>
      concatBytes(bytes(1, user.length), utf8Encode(user), bytes(password.length), utf8Encode(password));
    const request = concatBytes(bytes(5, 1, 0), domain('db'), port(1));
    const right = new SocksServer(locked);
    expect(feed(right, concatBytes(bytes(5, 1, 2), login('ops', 'secret'), request))).toEqual([5, 2, 1, 0]);
    expect(right.request).toEqual({ version: 5, host: 'db', port: 1 });
    for (const [user, password] of [
      ['ops', 'Secret'],
      ['ops', ''],
      ['', 'secret'],
      ['opss', 'ecret'],
    ] as const) {
      const wrong = new SocksServer(locked);
      expect(feed(wrong, concatBytes(bytes(5, 1, 2), login(user, password), request))).toEqual([5, 2, 1, 1]);
      expect(wrong.request).toBeUndefined();
    }
  });

  it('holds no greeting beyond its bound, and takes the longest there can be', () => {
    const server = new SocksServer(plain);
    feed(server, concatBytes(bytes(4, 1, 0, 80, 1, 1, 1, 1), new Uint8Array(2000).fill(65)));
    expect(server.fault).toBe('a SOCKS greeting of more than 1024 bytes');
    expect(server.rest).toHaveLength(0);
    const long = new SocksServer({ greetingLength: 262 + 257 });
    feed(
      long,
      concatBytes(bytes(5, 255), new Uint8Array(255), bytes(5, 1, 0), domain('a'.repeat(255)), port(1)),
    );
    expect(long.request?.host).toHaveLength(255);
  });

  it('class: never throws, whatever comes, and asks for nothing that it was not asked for', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (chunks) => {
        const server = new SocksServer(plain);
        for (const chunk of chunks) server.receive(chunk);
        expect(server.request === undefined || server.fault === undefined).toBe(true);
      }),
    );
  });
});

/** Runs both machines against each other. */
function converse(client: ProxyClient, server: SocksServer, reply: SocksReply): void {
  for (let i = 0; i < 8; i++) {
    server.receive(client.takeOutput() ?? bytes());
    if (server.request !== undefined) server.answer(reply);
    const answer = server.takeOutput();
    if (answer !== undefined) for (const byte of answer) client.receive(Uint8Array.of(byte));
  }
}

describe('a client of a proxy', () => {
  const request: ProxyRequest = { host: 'inner.example', port: 22, credentials: undefined };

  it('is understood by the server above, with and without a password, for names and addresses', () => {
    for (const host of ['inner.example', '10.2.3.4', '2001:db8::5']) {
      for (const options of [plain, locked]) {
        const server = new SocksServer(options);
        const client = new Socks5Client({ host, port: 22, credentials: options.credentials });
        converse(client, server, socksReplies.succeeded);
        expect(client.state).toBe('open');
        expect(server.request).toEqual({ version: 5, host, port: 22 });
      }
    }
  });

  it('says why a SOCKS proxy refused', () => {
    const refused = new Socks5Client(request);
    converse(refused, new SocksServer(plain), socksReplies.notAllowed);
    expect(refused).toMatchObject({ state: 'failed', fault: 'its rules forbid it' });
    const wrong = new Socks5Client({ ...request, credentials: { username: 'ops', password: 'x' } });
    converse(wrong, new SocksServer(locked), socksReplies.succeeded);
    expect(wrong).toMatchObject({ state: 'failed', fault: 'it refused user name and password' });
    const web = new Socks5Client(request);
    web.receive(utf8Encode('HTTP/1.1 400 Bad Request\r\n'));
    expect(web.fault).toBe('it speaks no SOCKS 5: its first byte is 72');
  });

  it('RFC 9110 §9.3.6: asks a web proxy with CONNECT, and leaves what follows its answer', () => {
    fc.assert(
      fc.property(cuts, (at) => {
        const client = new HttpConnectClient({ ...request, credentials: { username: 'a', password: 'b' } });
        expect(Buffer.from(client.takeOutput() ?? []).toString()).toBe(
          'CONNECT inner.example:22 HTTP/1.1\r\nHost: inner.example:22\r\nProxy-Authorization: Basic YTpi\r\n\r\n',
        );
        const answer = utf8Encode('HTTP/1.1 200 Connection established\r\nX: y\r\n\r\nSSH-2.0-x\r\n');
        const places = [...new Set(at.map((cut) => cut % (answer.length + 1)))].sort((a, b) => a - b);
        [0, ...places].forEach((start, i) => {
          client.receive(answer.slice(start, places[i] ?? answer.length));
        });
        expect(client.state).toBe('open');
        expect(Buffer.from(client.rest).toString()).toBe('SSH-2.0-x\r\n');
      }),
    );
  });

  it('RFC 9110 §15.2: waits behind words of a web proxy that are no answer yet', () => {
    const early = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n';
    fc.assert(
      fc.property(cuts, fc.boolean(), (at, isGood) => {
        const client = new HttpConnectClient(request);
        const last = isGood ? '200 OK' : '403 No';
        const answer = utf8Encode(`${early}HTTP/1.1 ${last}\r\n\r\nSSH-2.0-x\r\n`);
        const places = [...new Set(at.map((cut) => cut % (answer.length + 1)))].sort((a, b) => a - b);
        [0, ...places].forEach((start, i) => {
          client.receive(answer.slice(start, places[i] ?? answer.length));
        });
        expect([client.state, client.fault]).toEqual(
          isGood ? ['open', undefined] : ['failed', 'it answered "HTTP/1.1 403 No"'],
        );
        if (isGood) expect(Buffer.from(client.rest).toString()).toBe('SSH-2.0-x\r\n');
      }),
    );
  });

  it('RFC 1928 §5: asks a SOCKS proxy for no name that is longer than it can say', () => {
    const asked = (host: string): { readonly said: number[]; readonly fault: string | undefined } => {
      const client = new Socks5Client({ ...request, host });
      client.takeOutput();
      client.receive(Uint8Array.of(5, 0));
      return { said: [...(client.takeOutput() ?? [])], fault: client.fault };
    };
    expect(asked('x'.repeat(255)).said.slice(0, 5)).toEqual([5, 1, 0, 3, 255]);
    for (const length of [256, 300, 512, 1_024]) {
      expect(asked('x'.repeat(length))).toEqual({
        said: [],
        fault: `the name of the host has ${length} bytes, and SOCKS has room for 255`,
      });
    }
  });

  it('quotes, escaped, what a web proxy says instead', () => {
    const client = new HttpConnectClient(request);
    client.receive(utf8Encode('HTTP/1.1 407 Who \u001b[31mare you\r\n\r\n'));
    expect(client.fault).toBe('it answered "HTTP/1.1 407 Who \\x1b[31mare you"');
    const ssh = new HttpConnectClient(request);
    ssh.receive(utf8Encode('SSH-2.0-OpenSSH_9.2\r\n'));
    expect(ssh.fault).toBe('it speaks no HTTP: "SSH-2.0-OpenSSH_9.2\\x0d\\x0a"');
  });

  it('reads no answer without end', () => {
    const client = new HttpConnectClient(request);
    client.receive(utf8Encode(`HTTP/1.1 200 ${'x'.repeat(20_000)}`));
    expect(client.fault).toBe('it answered with more than 16384 bytes');
  });
});

describe('addresses', () => {
  it('RFC 5952: are written one way, and read back', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 4, maxLength: 4 }),
          fc.uint8Array({ minLength: 16, maxLength: 16 }),
          fc
            .array(fc.constantFrom(0, 1), { minLength: 16, maxLength: 16 })
            .map((list) => Uint8Array.from(list)),
        ),
        (address) => {
          expect(addressBytes(addressText(address))).toEqual(address);
        },
      ),
    );
  });

  it.each([
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['127.0.0.1', '127.0.0.1'],
  ])('%s is %s', (text, short) => {
    expect(addressText(addressBytes(text) ?? bytes())).toBe(short);
  });

  it.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '12345::',
    '::1%eth0',
  ])('%j is none', (text) => {
    expect(addressBytes(text)).toBeUndefined();
  });
});
