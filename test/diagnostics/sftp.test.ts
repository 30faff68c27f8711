/**
 * What reports, pages, metrics and events say of files, for both roles, while a transfer runs and
 * after it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../examples/memoryStore.ts';
import { Metrics } from '../../src/diagnostics/metrics.ts';
import type { MetricName } from '../../src/diagnostics/metricTable.ts';
import { connectionPage, overviewPage } from '../../src/diagnostics/page.ts';
import {
  connectionById,
  debugHandler,
  formatConnection,
  formatReport,
  takeReport,
} from '../../src/entry/diagnostics.ts';
import { type Client, type ConnectionSnapshot, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type OpenHow, type SftpHandlers, type SshServer } from '../../src/entry/server.ts';

const size = 300_000;
/** A name that shows where names are shown, and that does harm where it is not escaped. */
const name = '/canary-<b>\u001b[2J';

/** A store whose reads, beyond the first bytes of a file, wait until they are let go. */
class SlowStore extends MemoryStore implements SftpHandlers {
  private release: () => void = () => {};
  readonly released: Promise<void> = new Promise((resolve) => {
    this.release = resolve;
  });

  letGo(): void {
    this.release();
  }

  override open(path: string, how: OpenHow): ReturnType<MemoryStore['open']> {
    const file = super.open(path, how);
    if (!how.reads) return file;
    const read = async (length: number, position: number): Promise<Uint8Array> => {
      if (position > 0) await this.released;
      return (await file.read?.(length, position)) ?? new Uint8Array(0);
    };
    return { ...file, read };
  }
}

interface Scene extends AsyncDisposable {
  readonly client: Client;
  readonly server: SshServer;
  readonly store: SlowStore;
  readonly metrics: Metrics;
}

async function scene(): Promise<Scene> {
  const metrics = new Metrics();
  const store = new SlowStore();
  const privateKey = generateKey('ed25519');
  const server = await createServer({
    hostKeys: privateKey,
    authentication: { password: () => true },
    sftp: store,
  });
  const { port } = await server.listen(0, '127.0.0.1');
  const client = await connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    password: 'secret',
    verifyHostKey: () => true,
  });
  return {
    ...{ client, server, store, metrics },
    async [Symbol.asyncDispose]() {
      store.letGo();
      await client.close().catch(() => {});
      await server.close();
      metrics.stop();
    },
  };
}

/** The numbers of a metric by the value of its label, without those that are 0. */
function numbers(metrics: Metrics, metric: MetricName): Readonly<Record<string, number>> {
  const found = metrics
    .family(metric)
    .samples.map(({ labels, value }): [string, number] => [Object.values(labels).join(' '), value]);
  return Object.fromEntries(found.filter(([, value]) => value !== 0));
}

/** Takes what comes and keeps nothing. */
const sink = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

function textOf(handler: ReturnType<typeof debugHandler>, url: string): string {
  let text = '';
  const end = (body: string = ''): void => {
    text = body;
  };
  handler({ url }, { writeHead: () => {}, end });
  return text;
}

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

function heard(event: string): unknown[] {
  const messages: unknown[] = [];
  const listener = (message: unknown): void => void messages.push(message);
  subscribe(event, listener);
  stops.push(() => void unsubscribe(event, listener));
  return messages;
}

describe('a transfer', () => {
  it('shows in both roles while it runs, in numbers, and its files by name only where that is asked', async () => {
    await using it = await scene();
    const { client, server, store } = it;
    await using sftp = await client.sftp();
    await sftp.writeFile(name, new Uint8Array(size));
    const getting = sftp.get(name, sink());
    const serving = () => server.connections()[0]?.inspect().sftp[0];
    await expect.poll(() => client.inspect().sftp[0]?.bytesRead).toBeGreaterThan(0);
    await expect.poll(() => serving()?.requests).toBeGreaterThan(0);

    const { sftp: sessions, channels } = client.inspect();
    expect(sessions).toMatchObject([
      {
        channel: channels[0]?.id,
        openHandles: 1,
        bytesWritten: size,
        filesOpened: 2,
        transfers: [{ kind: 'get', files: 1, filesDone: 0, failed: 0, total: size }],
        fileNames: undefined,
      },
    ]);
    expect(sessions[0]?.requests).toBeGreaterThan(0);
    expect(serving()).toMatchObject({
      openHandles: 1,
      bytesWritten: size,
      filesOpened: 2,
      transfers: [],
      fileNames: undefined,
    });
    expect(serving()?.bytesRead).toBeGreaterThanOrEqual(sessions[0]?.bytesRead ?? 0);
    expect(serving()?.bytesRead).toBeLessThan(size);

    const isTransfer = { client: 1, server: 1 };
    expect(numbers(it.metrics, 'deadline_ssh_open_sftp_sessions')).toEqual(isTransfer);
    expect(numbers(it.metrics, 'deadline_ssh_open_sftp_handles')).toEqual(isTransfer);
    expect(numbers(it.metrics, 'deadline_ssh_open_transfers')).toEqual({ get: 1 });
    expect(numbers(it.metrics, 'deadline_ssh_open_sftp_requests')['client']).toBeGreaterThan(0);
    expect(numbers(it.metrics, 'deadline_ssh_sftp_written_bytes_total')).toEqual({
      client: size,
      server: size,
    });

    const report = takeReport({ details: true });
    const handler = debugHandler({ metrics: it.metrics });
    const shown = [
      JSON.stringify(report),
      formatReport(report),
      overviewPage(report),
      ...(report.details ?? []).flatMap((detail) => [connectionPage(detail), formatConnection(detail)]),
      ...['/', '/?debug=2', '/?format=json&debug=2', '/metrics'].map((url) => textOf(handler, url)),
    ].join('\n');
    expect(shown).toContain(`get       0 of 1 files, ${sessions[0]?.bytesRead} of ${size} bytes, 0 failed`);
    expect(shown).toContain('<table id="sftp">');
    expect(shown).not.toContain('canary');

    // Where they are asked for they are escaped.
    expect(client.inspect({ fileNames: true }).sftp[0]?.fileNames).toEqual([name]);
    // As printers of objects call it.
    expect((client.inspect as (depth: number) => ConnectionSnapshot).call(client, 2).sftp).toHaveLength(1);
    expect(server.connections()[0]?.inspect({ fileNames: true }).sftp[0]?.fileNames).toEqual([name]);
    const { id } = client.inspect();
    const escaped = '/canary-<b>\\x1b[2J';
    expect(connectionById(id, { fileNames: true })?.sftp[0]?.fileNames).toEqual([escaped]);
    const named = takeReport({ details: true, fileNames: true });
    expect(formatReport(named)).toContain(`open      ${escaped}\n`);
    const naming = debugHandler({ metrics: it.metrics, fileNames: true });
    expect(textOf(naming, '/?format=json&debug=2')).toContain(JSON.stringify(escaped));
    expect(textOf(naming, `/?connection=${id}`)).toContain('/canary-&lt;b&gt;\\x1b[2J');

    store.letGo();
    await getting;
    // The transfer does not wait for the answer to its CLOSE.
    expect(client.inspect().sftp).toMatchObject([{ bytesRead: size, transfers: [] }]);
    await expect.poll(() => client.inspect().sftp).toMatchObject([{ openHandles: 0, requests: 0 }]);
  });

  it('is counted once when it is over, with the sessions that ended and those that live', async () => {
    const started = heard('deadline-ssh:transfer-start');
    const ended = heard('deadline-ssh:transfer-end');
    await using it = await scene();
    const { client, server, store } = it;
    store.letGo();
    const first = await client.sftp();
    await first.put(new Uint8Array(size), '/a');
    await first.close();
    await expect.poll(() => server.connections()[0]?.inspect().sftp).toEqual([]);
    expect(client.inspect().sftp).toEqual([]);
    const second = await client.sftp();
    await second.get('/a', sink());
    await expect(second.get('/none', sink())).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_NO_SUCH_FILE' });

    const { id } = client.inspect();
    const counts = () => ({
      read: numbers(it.metrics, 'deadline_ssh_sftp_read_bytes_total'),
      written: numbers(it.metrics, 'deadline_ssh_sftp_written_bytes_total'),
      files: numbers(it.metrics, 'deadline_ssh_sftp_files_total'),
      transfers: numbers(it.metrics, 'deadline_ssh_transfers_total'),
    });
    const expected = {
      read: { client: size, server: size },
      written: { client: size, server: size },
      files: { client: 2, server: 2 },
      transfers: { 'put completed': 1, 'get completed': 1, 'get failed': 1 },
    };
    expect(counts()).toEqual(expected);
    expect(numbers(it.metrics, 'deadline_ssh_open_transfers')).toEqual({});
    expect(started).toEqual(['put', 'get', 'get'].map((kind) => ({ connection: id, kind })));
    expect(ended).toMatchObject([
      { connection: id, kind: 'put', outcome: 'completed', files: 1, bytes: size },
      { connection: id, kind: 'get', outcome: 'completed', files: 1, bytes: size },
      { connection: id, kind: 'get', outcome: 'failed', files: 0, bytes: 0 },
    ]);

    // A connection that is cut with a session on it takes nothing from the sums, and adds nothing.
    client.destroy();
    await client.closed;
    await expect.poll(() => server.connections().length).toBe(0);
    expect(counts()).toEqual(expected);
    expect(numbers(it.metrics, 'deadline_ssh_open_sftp_sessions')).toEqual({});
  });
});

describe('inspect', () => {
  it('refuses an option that nobody knows', async () => {
    await using it = await scene();
    expect(() => it.client.inspect({ names: true } as object)).toThrow(/names/);
    expect(() => it.client.inspect({ fileNames: 'yes' } as unknown as object)).toThrow(/fileNames/);
  });
});
