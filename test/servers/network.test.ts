/**
 * The network does what networks do: packets get lost, all of them or some, or the
 * long ones; machines vanish, and come back without a memory. The server is a real
 * sshd in a network of its own.
 */
import dns, { type LookupAddress, type LookupAllOptions } from 'node:dns';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { type ConnectOptions, SshError } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';
import {
  everything,
  FarNetwork,
  longerThan,
  networkObstacle,
  some,
  toPort,
} from '../support/servers/farNetwork.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

/** Milliseconds of silence, probe by probe, that a test waits for. */
const impatient = { interval: 400, maxMissed: 2 };

describeServer(
  'a network',
  openSsh,
  (lab) => {
    let network: FarNetwork;
    let server: TestServer;

    beforeAll(async () => {
      network = new FarNetwork();
      server = await startOpenSsh(lab(), { hostKeys: ['ed25519'], network });
    }, setupTimeout);
    afterEach(() => {
      vi.restoreAllMocks();
      network.heal();
      server.process.killConnections();
    });
    afterAll(() => network?.remove());

    async function failureOf(call: Promise<unknown>): Promise<SshError> {
      const error: unknown = await call.then(
        () => new Error('it succeeded'),
        (reason: unknown) => reason,
      );
      if (error instanceof SshError) return error;
      throw error;
    }

    /** `far.example` has these addresses. */
    function resolveTo(...addresses: readonly string[]): void {
      const lookup = (
        _host: string,
        _options: LookupAllOptions,
        callback: (error: Error | null, found: LookupAddress[]) => void,
      ): void => {
        setImmediate(() =>
          callback(
            null,
            addresses.map((address) => ({ address, family: 4 })),
          ),
        );
      };
      vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
    }

    function sockets(): number {
      return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    }

    const address = (index: number): string => network.addresses[index] ?? '';

    it('that drops every packet to a port costs the connect deadline, and the address is named', async () => {
      network.drop(toPort(server.port));
      const before = sockets();
      const dial = server.connect({ timeouts: { connect: 700 } });
      await expect
        .poll(() =>
          liveConnections().flatMap((each) => each.snapshot().waits.map(({ waitingFor }) => waitingFor)),
        )
        .toContain(`${server.host} to answer at port ${server.port}`);
      const error = await failureOf(dial);
      expect(error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        phase: 'connect',
        waitingFor: 'connect',
        deadline: 700,
      });
      expect(error.message).toContain(`connecting to ${server.host}:${server.port}: no answer`);
      await expect.poll(sockets).toBe(before);
    });

    it('that drops what comes to the first address is passed by way of the second', async () => {
      network.dropAt(address(1));
      resolveTo(address(1), address(2));
      const before = sockets();
      const client = await server.connect({ host: 'far.example' });
      expect(client.inspect().addresses?.remoteAddress).toBe(address(2));
      // The socket that waits for the first one is not kept.
      await expect.poll(sockets).toBe(before + 1);
      expect((await client.run('echo far')).stdout).toBe('far\n');
      await client.close();
    });

    it('in which each address fails in its own way is told of address by address', async () => {
      network.dropAt(address(1));
      network.refuseAt(address(2));
      resolveTo(address(1), address(2), '127.0.0.1');
      const error = await failureOf(server.connect({ host: 'far.example', timeouts: { connect: 1_500 } }));
      expect(error.code).toBe('ERR_SSH_TIMEOUT');
      expect(error.message).toContain(
        [
          `far.example:${server.port}: ${address(1)}: no answer`,
          `${address(2)}: no route to the host (EHOSTUNREACH)`,
          '127.0.0.1: connection refused (ECONNREFUSED)',
        ].join('; '),
      );
    });

    it('that loses every tenth packet changes no byte', { timeout: 60_000 }, async () => {
      network.drop(some(10));
      const patient: ConnectOptions = {
        timeout: 50_000,
        timeouts: {
          connect: 40_000,
          identification: 40_000,
          keyExchange: 40_000,
          authentication: 40_000,
          close: 20_000,
        },
      };
      const client = await server.connect(patient);
      const input = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 0xff);
      const { stdout, code } = await client.run('cat', { input, encoding: 'buffer' });
      expect(code).toBe(0);
      expect(stdout).toEqual(input);
      await client.close();
    });

    it('that passes short packets only ends a key exchange by its deadline', async () => {
      network.drop(longerThan(600));
      const error = await failureOf(server.connect({ timeouts: { keyExchange: 900 } }));
      expect(error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        phase: 'keyExchange',
        waitingFor: 'keyExchange',
        deadline: 900,
        remoteIdentification: expect.stringContaining('SSH-2.0-OpenSSH'),
      });
    });

    it('that begins to pass short packets only ends a transfer by the write deadline', async () => {
      const client = await server.connect({ timeouts: { write: 900 } });
      network.drop(longerThan(600));
      const running = failureOf(client.run('cat >/dev/null', { input: new Uint8Array(8_000_000) }));
      expect(await running).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'write', deadline: 900 });
      expect((await client.closed).code).toBe('ERR_SSH_TIMEOUT');
    });

    it('that begins to pass short packets only ends a command by keep-alive where the answer is long', async () => {
      const client = await server.connect({ keepAlive: impatient });
      network.drop(longerThan(600));
      const running = failureOf(client.run('head -c 1000000 /dev/zero'));
      // Probes and their answers are short, but wait behind what does not get through.
      expect(await running).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keepAlive' });
    });

    it('in which the server vanishes ends what runs by keep-alive, and nothing is left', async () => {
      const client = await server.connect({ keepAlive: impatient });
      const before = sockets();
      const running = failureOf(client.run('cat', { input: neverEnding() }));
      network.drop(everything);
      const error = await running;
      expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keepAlive', phase: 'connection' });
      expect(await client.closed).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
      await expect.poll(sockets).toBe(before - 1);
    });

    it('in which the server vanishes keeps no goodbye waiting beyond its deadline', async () => {
      const client = await server.connect({ timeouts: { close: 500 } });
      network.drop(everything);
      await client.close();
      expect((await client.closed).code).toBe('ERR_SSH_CLOSED');
    });

    it('in which the server has forgotten the connection loses it with the next packet', async () => {
      const client = await server.connect();
      const running = failureOf(client.run('cat', { input: neverEnding() }));
      // Its end does not get through: half of the connection stays open, on this side.
      network.drop(everything);
      server.process.killConnections();
      await expect.poll(() => server.process.descendants()).toEqual([]);
      network.heal();
      const ping = failureOf(client.ping());
      for (const error of [await running, await ping]) {
        expect(error.code).toBe('ERR_SSH_CONNECTION_LOST');
        expect(error.phase).toBe('connection');
      }
    });

    it('whose far side accepts and never speaks costs the identification deadline', async () => {
      // The kernel completes the handshake for a server that is stopped.
      process.kill(server.process.pid, 'SIGSTOP');
      try {
        const error = await failureOf(server.connect({ timeouts: { identification: 600 } }));
        expect(error).toMatchObject({
          code: 'ERR_SSH_TIMEOUT',
          phase: 'identification',
          waitingFor: 'identification',
          bytesReceived: 0,
        });
      } finally {
        process.kill(server.process.pid, 'SIGCONT');
      }
    });

    it('that is cut in the middle of a dial ends it by the deadline of its phase', async () => {
      let cut = false;
      const error = await failureOf(
        server.connect({
          timeouts: { authentication: 600 },
          onDebug: (line) => {
            if (cut || !line.startsWith('keys exchanged')) return;
            cut = true;
            network.drop(everything);
          },
        }),
      );
      expect(error).toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        phase: 'authentication',
        waitingFor: 'authentication',
      });
    });
  },
  { programs: ['ip', 'iptables'], root: true, obstacle: networkObstacle },
);

/** Input that is there and stays idle. */
async function* neverEnding(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1);
  await new Promise(() => {});
}
