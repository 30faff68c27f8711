/**
 * The page, in a browser: it is live, one click leads to a connection, nothing in it runs that a peer sent.
 */
import { createServer as createWebServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, connect as dialTcp, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { debugHandler, formatMetrics, takeReport } from '../../src/entry/diagnostics.ts';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer } from '../../src/entry/server.ts';
import { Browser } from '../support/browser.ts';
import { describeWith } from '../support/servers/programs.ts';

describeWith({ programs: ['chromium'] }, 'the page in Chromium', () => {
  const identification = `SSH-2.0-<img/src=x/onerror="document.title='owned'"><script>document.title='owned'</script>`;
  const sockets = new Set<Socket>();
  const silent = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    // The second one and those after it identify themselves, and say no more.
    if (sockets.size > 1) socket.write(`${identification}\r\n`);
  });
  const aborter = new AbortController();
  const dials: Promise<unknown>[] = [];
  let web: Server;
  let browser: Browser;
  let url = '';

  const dial = (): void => {
    const { port } = silent.address() as AddressInfo;
    const options = { host: '127.0.0.1', port, username: 'ops', verifyHostKey: acceptAnyHostKey() };
    dials.push(connect({ ...options, signal: aborter.signal }).catch((error: unknown) => error));
  };

  beforeAll(async () => {
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    web = createWebServer(debugHandler());
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/debug/ssh?`;
    browser = await Browser.start();
  }, 60_000);

  afterAll(async () => {
    await browser.close();
    aborter.abort();
    await Promise.all(dials);
    web.closeAllConnections();
    await new Promise((resolve) => web.close(resolve));
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });

  it('follows what happens while it is open, and a click on a connection shows it', {
    timeout: 60_000,
  }, async () => {
    await browser.open(url);
    expect(await browser.evaluate("document.querySelector('#total').textContent")).toBe('0');
    await browser.until("document.querySelector('#state').textContent === 'live'");

    dial();
    await browser.until("document.querySelectorAll('#groups tbody tr').length === 1");
    expect(await browser.evaluate("document.querySelector('#groups tbody tr').innerText")).toMatch(
      /^1\s+client\s+identification\s+identification/,
    );

    dial();
    dial();
    const second = "document.querySelector('#groups tbody tr:first-child')";
    await browser.until(`${second}.innerText.startsWith('2\\tclient\\tkeyExchange\\tkeyExchange')`);

    const { id } = takeReport({ details: true }).details?.[1] ?? { id: 0 };
    await browser.click(`#groups a[href="?connection=${id}"]`);
    await browser.until(
      `document.querySelector('#detail')?.textContent.includes('connection ${id} [client')`,
    );
    const detail = String(await browser.evaluate("document.querySelector('#detail').textContent"));
    expect(detail).toContain('waits for   keyExchange: ');
    // What the peer sent is text.
    expect(detail).toContain(identification);
    expect(await browser.evaluate('document.title')).toBe(`connection ${id} · deadline-ssh`);
    expect(await browser.evaluate("document.querySelectorAll('main img, main script').length")).toBe(0);

    aborter.abort();
    await browser.until("document.querySelector('#over') !== null");
    // The browser itself remarks that the last answer was a 404; nothing else is amiss.
    expect(browser.complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
    expect(browser.complaints.join()).not.toContain('Content Security Policy');
  });

  it('shows the forwards of a connection and what runs through them, and so do the metrics', {
    timeout: 60_000,
  }, async () => {
    const sshd = await createServer({
      hostKeys: generateKey('ed25519'),
      authentication: { none: () => true },
      forwarding: { local: () => true },
    });
    const echo = createTcpServer((socket) => void socket.pipe(socket).on('error', () => {}));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    const target = { host: '127.0.0.1', port: (echo.address() as AddressInfo).port };
    const client = await connect({
      ...{ host: '127.0.0.1', port: (await sshd.listen()).port, username: 'ops', auth: ['none'] },
      verifyHostKey: acceptAnyHostKey(),
    });
    const forward = await client.forwardLocal({ port: 0 }, target);
    const program = dialTcp({ host: '127.0.0.1', port: forward.address.port ?? 0 });
    // The forward ends before the program does, and cuts it.
    program.on('error', () => {});
    program.write('0123456789');
    await new Promise((resolve) => program.once('data', resolve));
    try {
      await browser.open(url);
      const id = client.inspect().id;
      await browser.until(`document.querySelector('#groups a[href="?connection=${id}"]') !== null`);
      await browser.click(`#groups a[href="?connection=${id}"]`);
      await browser.until("document.querySelector('#detail')?.textContent.includes('forward')");
      const detail = String(await browser.evaluate("document.querySelector('#detail').textContent"));
      const { port } = forward.address;
      expect(detail).toContain(
        `127.0.0.1:${port} to 127.0.0.1:${target.port}; 1 connection open, 1 came, 0 refused, 0 failed; 10 bytes out, 10 in`,
      );
      expect(detail).toMatch(
        new RegExp(`127\\.0\\.0\\.1:\\d+ to 127\\.0\\.0\\.1:${target.port}, open, .*; 10 bytes out, 10 in`),
      );
      const metrics = formatMetrics();
      expect(metrics).toContain('deadline_ssh_open_forwards{role="client"} 1\n');
      expect(metrics).toContain('deadline_ssh_forwarded_connections{role="client"} 1\n');
      // The page follows: what ends is gone from it.
      await forward.close();
      await browser.until("!document.querySelector('#detail').textContent.includes('bytes out')");
    } finally {
      program.destroy();
      await client.close();
      await sshd.close();
      await new Promise((resolve) => echo.close(resolve));
    }
  });

  it('stands still while it is paused', async () => {
    await browser.open(url);
    await browser.until("document.querySelector('#state').textContent === 'live'");
    await browser.click('#pause');
    await browser.until("document.querySelector('#state').textContent === 'paused'");
    expect(await browser.evaluate("document.querySelector('#pause').textContent")).toBe('resume');
    await browser.click('#pause');
    await browser.until("document.querySelector('#state').textContent === 'live'");
  });

  it('forbids what its policy forbids: a script within the page does not run', async () => {
    await browser.open(url);
    const run = `new Promise((resolve) => {
      addEventListener('securitypolicyviolation', ({ violatedDirective }) => resolve(violatedDirective));
      const script = document.createElement('script');
      script.textContent = "document.title = 'owned'";
      document.body.append(script);
    })`;
    expect(await browser.evaluate(run)).toMatch(/^script-src/);
    expect(await browser.evaluate('document.title')).not.toBe('owned');
  });
});
