/**
 * The reports over HTTP, from a server of `node:http`.
 */
import { createServer, get, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { html } from '../../src/diagnostics/html.ts';
import { overviewPage } from '../../src/diagnostics/page.ts';
import { debugHandler, type Report, takeReport } from '../../src/entry/diagnostics.ts';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';

describe('the debug handler', () => {
  const sockets = new Set<Socket>();
  const silent = createTcpServer((socket) => void sockets.add(socket.on('error', () => {})));
  const aborter = new AbortController();
  let dial: Promise<unknown>;
  let web: Server;
  let base = '';
  let id = 0;

  beforeAll(async () => {
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    web = createServer(debugHandler());
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    base = `http://127.0.0.1:${(web.address() as AddressInfo).port}/debug/ssh`;
    const { port } = silent.address() as AddressInfo;
    dial = connect({
      host: '127.0.0.1',
      port,
      username: 'ops',
      verifyHostKey: acceptAnyHostKey(),
      signal: aborter.signal,
      captureStack: true,
    }).catch(() => {});
    await vi.waitUntil(() => takeReport().groups[0]?.phase === 'identification');
    id = takeReport({ details: true }).details?.[0]?.id ?? 0;
  });

  afterAll(async () => {
    aborter.abort();
    await dial;
    for (const socket of sockets) socket.destroy();
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
    await new Promise((resolve) => silent.close(resolve));
  });

  const ask = async (query: string, method: string = 'GET') => {
    const response = await fetch(`${base}${query}`, { method });
    const type = response.headers.get('content-type');
    return { status: response.status, type, headers: response.headers, body: await response.text() };
  };

  it('answers debug=1 with a line a group', async () => {
    const { status, type, body } = await ask('?debug=1');
    expect([status, type]).toEqual([200, 'text/plain; charset=utf-8']);
    expect(body).toMatch(
      /^deadline-ssh: 1 connection at .*Z\n1 client in identification, waiting for identification: .*\n$/,
    );
  });

  it('answers debug=2 with a block a connection, and where it was opened', async () => {
    const { status, body } = await ask('?debug=2');
    expect(status).toBe(200);
    expect(body).toContain(`connection ${id} [client, identification,`);
    expect(body).toMatch(/ {2}addresses {3}127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+\n/);
    expect(body).toMatch(/ {2}opened at {3}.*debugHandler\.test\.ts/);
  });

  it('answers format=json with the report, typed as it is', async () => {
    const { status, type, body } = await ask('?format=json&debug=2');
    expect([status, type]).toEqual([200, 'application/json; charset=utf-8']);
    const report = JSON.parse(body) as Report;
    const now = takeReport({ details: true });
    expect(Object.keys(report)).toEqual(Object.keys(now));
    expect(report).toMatchObject({ connections: 1, details: [{ id, phase: 'identification' }] });
    expect((JSON.parse((await ask('?format=json')).body) as Report).details).toBeNull();
  });

  it('answers connection=N with that one, as a page, as text and as JSON', async () => {
    expect((await ask(`?connection=${id}`)).body).toContain(`<h2>Connection ${id}</h2>`);
    expect((await ask(`?connection=${id}&debug=2`)).body).toMatch(new RegExp(`^connection ${id} `));
    expect(JSON.parse((await ask(`?connection=${id}&format=json`)).body)).toMatchObject({ id });
    for (const rest of ['', '&debug=2', '&format=json']) {
      expect((await ask(`?connection=999999999${rest}`)).status).toBe(404);
    }
  });

  it('answers every path that ends in /metrics with metrics', async () => {
    for (const query of ['/metrics', '/any/where/metrics?x=1', '?format=metrics']) {
      const { status, type, body } = await ask(query);
      expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
      expect(body).toContain('deadline_ssh_open_connections{role="client",phase="identification"} 1\n');
    }
  });

  it('answers anything else with the page, which has no script or style within it', async () => {
    const { status, type, body } = await ask('');
    expect([status, type]).toEqual([200, 'text/html; charset=utf-8']);
    expect(body).not.toMatch(/<script(?! src="\?asset=page\.js" defer><)/);
    expect(body).not.toMatch(/<style| style=| on\w+=/);
    expect((await ask('?asset=page.js')).type).toBe('text/javascript; charset=utf-8');
    expect((await ask('?asset=page.css')).type).toBe('text/css; charset=utf-8');
    expect((await ask('?asset=/etc/passwd')).status).toBe(404);
  });

  it('forbids caching, framing, and scripts of others on every answer', async () => {
    for (const query of ['', '?debug=1', '?format=json', '/metrics', '?debug=3', '?connection=0']) {
      const { headers } = await ask(query);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  it('refuses what it does not understand, and says what it does', async () => {
    for (const query of [
      '?debug=3',
      '?format=xml',
      '?connection=',
      '?connection=1e9',
      '?connection=-1',
      '?connection=%00',
    ]) {
      const { status, body } = await ask(query);
      expect([query, status]).toEqual([query, 400]);
      expect(body).toContain('debug=1');
    }
  });

  it('changes nothing: other methods than GET and HEAD are refused', async () => {
    for (const method of ['POST', 'PUT', 'DELETE']) {
      const { status, headers } = await ask('', method);
      expect([status, headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
    expect(await ask('?debug=1', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('answers whatever a client asks', () => {
    const handler = debugHandler();
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('GET', 'HEAD', 'POST'), (url, method) => {
        let status = 0;
        let ended = 0;
        handler(
          { url, method },
          {
            writeHead: (code) => {
              status = code;
            },
            end: () => {
              ended++;
            },
          },
        );
        expect([200, 400, 404, 405]).toContain(status);
        expect(ended).toBe(1);
      }),
    );
  });
});

describe('the host that a request is for', () => {
  const statusFor = (host: string | undefined, hosts?: readonly string[]): number => {
    let status = 0;
    let body = '';
    debugHandler({ hosts })(
      { url: '/?format=json', headers: { host } },
      {
        writeHead: (code) => {
          status = code;
        },
        end: (text = '') => {
          body = text;
        },
      },
    );
    expect(body.includes('connections')).toBe(status === 200);
    return status;
  };

  it.each([
    'localhost',
    'LOCALHOST:6060',
    'localhost.',
    'app.localhost:6060',
    '127.0.0.1',
    '127.0.0.1:6060',
    '127.8.9.10:1',
    '[::1]',
    '[::1]:6060',
  ])('may be loopback: %s', (host) => {
    expect(statusFor(host)).toBe(200);
  });

  it.each([
    undefined,
    '',
    ':6060',
    'attacker.example',
    'attacker.example:6060',
    'localhost.attacker.example',
    'notlocalhost',
    '127.0.0.1.attacker.example',
    '127.0.0.1:6060@attacker.example',
    'attacker.example/localhost',
    '10.0.0.1',
    '1127.0.0.1',
    '[::2]:6060',
    '[2001:db8::1]',
    'localhost localhost',
    '.localhost.evil',
  ])('is refused otherwise: %s', (host) => {
    expect(statusFor(host)).toBe(403);
  });

  it('may be one that the options name, however it is written', () => {
    const hosts = ['Metrics.Example', '10.0.0.1', '2001:db8::1'];
    for (const host of ['metrics.example', 'METRICS.example.:80', '10.0.0.1:6060', '[2001:DB8::1]:6060']) {
      expect(statusFor(host, hosts)).toBe(200);
    }
    for (const host of ['a.metrics.example', '10.0.0.2', 'example']) expect(statusFor(host, hosts)).toBe(403);
    expect(statusFor('localhost', hosts)).toBe(200);
  });

  it('is asked for by an HTTP server, whatever page made a browser do it', async () => {
    const web = createServer(debugHandler());
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    const { port } = web.address() as AddressInfo;
    const ask = (host: string): Promise<number> =>
      new Promise((resolve, reject) => {
        get({ host: '127.0.0.1', port, path: '/?debug=2', headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        }).on('error', reject);
      });
    expect(await ask('rebound.example')).toBe(403);
    expect(await ask(`localhost:${port}`)).toBe(200);
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
  });

  it.each([['a:80'], ['http://a'], [''], [5], ['a b']])('cannot be named %j', (name) => {
    expect(() => debugHandler({ hosts: [name as string] })).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }),
    );
  });
});

describe('markup', () => {
  it('has every value escaped, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('<', '>', '"', "'", '&', 'a', ';') }), (text) => {
        const { text: markup } = html`<p title="${text}">${text}</p>`;
        expect(markup.replace(/^<p title="|">|<\/p>$/g, '')).not.toMatch(
          /[<>"']|&(?!amp;|lt;|gt;|quot;|#39;)/,
        );
      }),
    );
  });

  it('of a page shows the name of a host as text', () => {
    const target = `"><script>alert(1)</script>`;
    const report = takeReport();
    const page = overviewPage({
      ...report,
      details: [
        {
          id: 1,
          role: 'client',
          target,
          localAddress: null,
          remoteAddress: null,
          phase: 'connect',
          age: 1,
          waits: [],
          bytesReceived: 0,
          bytesSent: 0,
          packetsReceived: 0,
          packetsSent: 0,
          unsentBytes: 0,
          lastMessage: null,
          remoteIdentification: null,
          channels: [],
          forwards: [],
          sftp: [],
          openedAt: null,
        },
      ],
    });
    expect(page).not.toContain(target);
    expect(page).toContain('&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
  });
});
