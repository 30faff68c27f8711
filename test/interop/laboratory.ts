/**
 * One server of the laboratory as a suite: a test for each feature.
 *
 * Owns: the start of the server, the run of each trial, its cell of the matrix.
 * Must not know: how a trial goes (trials.ts), how the server is started.
 */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Client, type ConnectOptions, connect, pinnedHostKey } from '../../src/entry/index.ts';
import { useLab } from '../support/servers/lab.ts';
import { readOffer } from '../support/servers/offer.ts';
import { serversRequired } from '../support/servers/programs.ts';
import './matrix.ts';
import { commonNames, type Offer } from './offers.ts';
import { type Feature, features, type InteropServer, type Running } from './server.ts';
import { type Trial, trials } from './trials.ts';

const full = process.env['DEADLINE_SSH_LAB_FULL'] === '1';
const MiB = 1024 * 1024;

export interface Bench {
  readonly server: InteropServer;
  readonly running: Running;
  readonly offer: Offer;
  /** What `send` sends. */
  readonly pattern: Uint8Array;
  /** Where it is. */
  readonly patternFile: string;
  /** Bytes of one bulk transfer. */
  readonly bulk: number;
  readonly full: boolean;
  readonly options: (more?: ConnectOptions) => ConnectOptions;
  readonly open: (more?: ConnectOptions) => Promise<Client>;
  readonly userKey: (kind: 'ed25519' | 'ecdsa256' | 'ecdsa384' | 'ecdsa521' | 'rsa') => string;
  /** The server once more, told to ask for new keys often. */
  readonly startRekeying: () => Promise<Bench>;
}

/** A suite on a server, skipped by name where the machine lacks what it needs. */
export function laboratory(server: InteropServer): void {
  const obstacle = server.obstacle();
  if (obstacle === undefined) {
    describe(server.name, () => suite(server));
    return;
  }
  const title = `${server.name} (${obstacle})`;
  if (!serversRequired) {
    describe.skip(title, () => suite(server));
    return;
  }
  it(title, () => {
    throw new Error(`${obstacle}, and DEADLINE_SSH_REQUIRE_SERVERS forbids to skip ${server.name}`);
  });
}

function suite(server: InteropServer): void {
  const lab = useLab();
  let bench: Bench;

  beforeAll(async () => {
    const bytes = randomBytes(64 * MiB);
    const pattern = lab().file(bytes);
    const start = async (rekeyBytes: number): Promise<Bench> => {
      const running = await server.start(lab(), { rekeyBytes, pattern });
      const offer = await readOffer(running.process.port);
      const byName = server.legacy === true ? commonNames(offer).common : {};
      const credential = ({ password }: Running): ConnectOptions =>
        server.byPassword === true
          ? { password }
          : { privateKey: lab().userKeys.textOf(server.userKeys?.[0] ?? 'ed25519') };
      const options = (more: ConnectOptions = {}): ConnectOptions => ({
        host: '127.0.0.1',
        port: running.process.port,
        username: running.username,
        verifyHostKey: pinnedHostKey(...running.hostKeys.map(({ fingerprint }) => fingerprint)),
        ...(more.auth === undefined ? credential(running) : {}),
        // Groups of 8192 bits take Python many seconds on a busy machine.
        timeout: 120_000,
        ...more,
        timeouts: { keyExchange: 60_000, ...more.timeouts },
        algorithms: { ...byName, ...(typeof more.algorithms === 'object' ? more.algorithms : {}) },
      });
      return {
        server,
        running,
        offer,
        pattern: bytes,
        patternFile: pattern,
        bulk: full ? 64 * MiB : 8 * MiB,
        full,
        options,
        open: (more) => connect(options(more)),
        userKey: (kind) => lab().userKeys.textOf(kind),
        startRekeying: () => start(MiB),
      };
    };
    bench = await start(0);
  });

  it('identifies itself and shows what it offers', async ({ task }) => {
    const { common, foreign } = commonNames(bench.offer);
    await using client = await bench.open();
    const { remoteIdentification, strict } = client.negotiated;
    expect(remoteIdentification).toMatch(/^SSH-2\.0-/);
    task.meta.facts = {
      server: server.name,
      package: server.version(),
      identification: remoteIdentification,
      marks: strict ? 'strict' : 'not strict',
      common,
      foreign,
    };
  });

  for (const [feature, column] of Object.entries(features) as [Feature, string][]) {
    it(column, async ({ task }) => {
      task.meta.cell = { server: server.name, column, text: 'FAILS' };
      const found = await outcome(trials[feature], bench, server.lacks?.[feature]);
      task.meta.cell = { server: server.name, column, ...found };
    });
  }
}

/** What a trial finds; one of a feature that is lacking has to fail as the server's description says. */
async function outcome(
  trial: Trial,
  bench: Bench,
  lack: { readonly why: string; readonly shows: RegExp } | undefined,
): Promise<{ readonly text: string; readonly note?: string | undefined }> {
  if (lack === undefined) return trial(bench);
  let message = '';
  try {
    await trial(bench);
  } catch (error) {
    message = error instanceof Error ? error.message : String(error);
  }
  expect(message, `it is said to be lacking: ${lack.why}`).toMatch(lack.shows);
  return { text: '–', note: `${lack.why}; the client: "${message.split('\n')[0]}"` };
}
