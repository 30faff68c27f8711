/**
 * Client programs move much data both ways at once, and get new keys meanwhile,
 * asked for by either side. No byte is lost or changed.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import type { ServerOptions } from '../../../src/entry/server.ts';
import { type Embedded, pseudoRandom, sha256, startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';
import { ClientProcess } from '../../support/clients/process.ts';

const testTimeout = 120_000;
const login = { key: 'ed25519' as const };
const block = pseudoRandom(1024 * 1024);

describeEachClient('much data', (kind, lab) => {
  /** Sends so many blocks through `cat`, reads them at the same time, and compares. */
  async function echo(server: Embedded, blocks: number, rekeyBytes?: number): Promise<void> {
    const { child, outcome } = new ClientProcess(
      kind.invoke(lab, {
        port: server.port,
        login,
        command: 'cat',
        ...(rekeyBytes === undefined ? {} : { rekeyBytes }),
      }),
      { within: testTimeout, keepOutput: false },
    );
    const sent = createHash('sha256');
    const received = createHash('sha256');
    let length = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      received.update(chunk);
      length += chunk.length;
    });
    for (let i = 0; i < blocks; i++) {
      sent.update(block);
      if (!child.stdin.write(block)) await once(child.stdin, 'drain');
    }
    child.stdin.end();
    expect(await outcome).toMatchObject({ code: 0, stderr: '' });
    expect(length).toBe(blocks * block.length);
    expect(received.digest('hex')).toBe(sent.digest('hex'));
    expect(server.faults).toEqual([]);
  }

  /** Why keys were exchanged, each time, while so much went both ways. */
  async function causesDuring(options: Partial<ServerOptions>, rekeyBytes?: number): Promise<string[]> {
    const causes: string[] = [];
    await using server = await startEmbedded({
      ...options,
      onDebug: (line) => causes.push(...(/keys exchanged: .* cause (\w+)$/.exec(line)?.slice(1) ?? [])),
    });
    await echo(server, 24, rekeyBytes);
    expect(causes[0]).toBe('initial');
    return causes.slice(1);
  }

  it('comes back as it went, 64 MiB both ways', { timeout: testTimeout }, async () => {
    await using server = await startEmbedded();
    await echo(server, 64);
  });

  it('comes from the server alone, faster than it is taken', { timeout: testTimeout }, async () => {
    await using server = await startEmbedded();
    const size = 64 * block.length;
    const { child, outcome } = new ClientProcess(
      kind.invoke(lab, { port: server.port, login, command: `source ${size}` }),
      { within: testTimeout, keepOutput: false },
    );
    const received = createHash('sha256');
    child.stdout.pause();
    await expect.poll(() => server.server.connections().length, { timeout: 10_000 }).toBe(1);
    child.stdout.on('data', (chunk: Buffer) => received.update(chunk));
    child.stdout.resume();
    expect(await outcome).toMatchObject({ code: 0 });
    expect(received.digest('hex')).toBe(sha256(pseudoRandom(size)));
  });

  it('outlives new keys that the server asks for', { timeout: testTimeout }, async () => {
    const causes = await causesDuring({ rekey: { bytes: block.length } });
    expect(causes.filter((cause) => cause === 'bytes').length).toBeGreaterThanOrEqual(12);
  });

  if (!kind.lacks.has('rekeyBytes')) {
    it('outlives new keys that the client asks for', { timeout: testTimeout }, async () => {
      const causes = await causesDuring({}, block.length);
      expect(causes.filter((cause) => cause === 'peer').length).toBeGreaterThanOrEqual(12);
    });

    it('outlives new keys that both ask for', { timeout: testTimeout }, async () => {
      const causes = await causesDuring({ rekey: { bytes: block.length } }, block.length);
      expect(causes.length).toBeGreaterThanOrEqual(12);
    });
  }
});
