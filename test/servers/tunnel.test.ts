/** A tunnel under load whose sshd is killed and started again: all is answered or refused in its time. */
import { createServer, connect as dialTcp, type Server } from 'node:net';
import { expect, it } from 'vitest';
import { openTunnel, type TunnelEvent } from '../../src/entry/index.ts';
import { describeServer, freePort, nothingIsLeft, openSsh, startOpenSsh } from '../support/servers/index.ts';

const rounds = 20;
const holdTimeout = 5_000;

/** Sends back what it gets. */
async function startEcho(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}

/** How a request ended, and what it took in milliseconds. */
function request(port: number, text: string): Promise<{ readonly answer: string; readonly took: number }> {
  const began = performance.now();
  return new Promise((resolve) => {
    let answer = '';
    const socket = dialTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => {
      answer = 'refused';
    });
    socket.on('close', () => resolve({ answer, took: performance.now() - began }));
    socket.end(text);
  });
}

describeServer('a tunnel', openSsh, (lab) => {
  it(`lives through ${rounds} deaths of its server under load, and nothing leaks`, async () => {
    const echoPort = await freePort();
    const echo = await startEcho(echoPort);
    let sshd = await startOpenSsh(lab());
    const { port: sshPort } = sshd;
    const events: TunnelEvent[] = [];
    const tunnel = await openTunnel(
      sshd.options(),
      { port: 0 },
      { host: '127.0.0.1', port: echoPort },
      { holdTimeout, retry: { delay: 20, maxDelay: 200 }, onState: (event) => events.push(event) },
    );
    const port = tunnel.address.port ?? 0;
    let isOver = false;
    const outcomes = { answered: 0, refused: 0, other: [] as string[], slowest: 0 };
    const worker = async (name: number): Promise<void> => {
      for (let i = 0; !isOver; i++) {
        const text = `request ${i} of ${name}`;
        const { answer, took } = await request(port, text);
        outcomes.slowest = Math.max(outcomes.slowest, took);
        if (answer === text) outcomes.answered++;
        else if (answer === 'refused') outcomes.refused++;
        // A connection that is cut halfway is reset; an answer that ends early would be a lie.
        else outcomes.other.push(answer);
      }
    };
    const workers = Array.from({ length: 8 }, (_, name) => worker(name));
    for (let round = 0; round < rounds; round++) {
      const before = outcomes.answered;
      await expect.poll(() => outcomes.answered, { timeout: 20_000 }).toBeGreaterThan(before + 10);
      await sshd.process.kill();
      await expect.poll(() => tunnel.state, { timeout: 10_000 }).not.toBe('up');
      sshd = await startOpenSsh(lab(), { port: sshPort });
      await expect.poll(() => tunnel.state, { timeout: 20_000 }).toBe('up');
    }
    isOver = true;
    await Promise.all(workers);
    expect(outcomes.other).toEqual([]);
    // What is held for that long and refused then has had the time to be told.
    expect(outcomes.slowest).toBeLessThan(holdTimeout + 5_000);
    expect(outcomes.refused).toBeLessThanOrEqual(8 * rounds);
    expect(tunnel.inspect()).toMatchObject({ state: 'up', dials: rounds + 1, connections: [] });
    const { counters } = tunnel;
    expect(counters.accepted).toBe(outcomes.answered + outcomes.refused);
    await tunnel.close();
    await new Promise((resolve) => echo.close(resolve));
    await nothingIsLeft();
    expect(events.filter(({ state }) => state === 'up')).toHaveLength(rounds + 1);
  }, 180_000);
});
