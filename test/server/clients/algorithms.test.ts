/**
 * Every algorithm that a client program and the embedded server share carries
 * a command, its two outputs and its status. What they share is read from the
 * client's own offer.
 */
import { describe, expect, it } from 'vitest';
import { resolveAlgorithms } from '../../../src/client/algorithmOptions.ts';
import {
  ciphers,
  kexMethods,
  macs,
  type SignatureAlgorithmName,
  signatureAlgorithms,
} from '../../../src/crypto/algorithms.ts';
import type { ServerOptions } from '../../../src/entry/server.ts';
import { startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';
import { type ClientKind, isInstalled } from '../../support/clients/kinds.ts';
import { ClientLab } from '../../support/clients/lab.ts';
import { readClientOffer } from '../../support/clients/offer.ts';
import { runClient } from '../../support/clients/process.ts';
import { type KeyKind, keyKinds, keyTypes } from '../../support/servers/keys.ts';

interface Shared {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly compression: readonly string[];
}

/** Whether the library may be told to offer a method of compression. A server leaves `zlib` out whatever it is told. */
function isKnown(compression: string): boolean {
  if (compression === 'zlib') return false;
  try {
    resolveAlgorithms({ compression: [compression] });
    return true;
  } catch {
    return false;
  }
}

async function sharedWith(kind: ClientKind): Promise<Shared> {
  const lab = new ClientLab();
  try {
    const offer = await readClientOffer((port) =>
      kind.invoke(lab, { port, login: 'none', command: 'greet', hostKeys: [] }),
    );
    const both = (ours: object, theirs: readonly string[]): string[] =>
      Object.keys(ours).filter((name) => theirs.includes(name));
    return {
      kex: both(kexMethods, offer.kexAlgorithms),
      hostKey: both(signatureAlgorithms, offer.serverHostKeyAlgorithms).filter(
        (name) => keyKindOf(name) !== undefined,
      ),
      cipher: both(ciphers, offer.encryptionAlgorithmsClientToServer),
      mac: both(macs, offer.macAlgorithmsClientToServer),
      compression: offer.compressionAlgorithmsClientToServer.filter(isKnown),
    };
  } finally {
    lab.remove();
  }
}

/** Ciphers that need a MAC. */
const withMac = Object.entries(ciphers)
  .filter(([, { authenticated }]) => !authenticated)
  .map(([name]) => name);

function keyKindOf(algorithm: string): KeyKind | undefined {
  const { keyType } = signatureAlgorithms[algorithm as SignatureAlgorithmName];
  return keyKinds.find((kind) => keyTypes[kind] === keyType);
}

describeEachClient('algorithms', async (kind, lab) => {
  const shared = isInstalled(kind) ? await sharedWith(kind) : undefined;

  /** The server has these algorithms alone, so a command that runs was carried by them. */
  async function greets(
    algorithms: ServerOptions['algorithms'],
    hostKeys?: readonly KeyKind[],
  ): Promise<void> {
    await using server = await startEmbedded({ ...(algorithms && { algorithms }) });
    const request = { port: server.port, login: { key: 'ed25519' as const }, command: 'greet you' };
    const outcome = await runClient(kind.invoke(lab, { ...request, ...(hostKeys && { hostKeys }) }));
    expect(outcome).toEqual({ code: 7, stdout: 'hello you\n', stderr: 'from ops\n' });
    expect(server.faults).toEqual([]);
  }

  it('are shared in every kind', () => {
    expect(shared?.kex.length).toBeGreaterThan(5);
    expect(shared?.hostKey.length).toBeGreaterThanOrEqual(5);
    expect(shared?.cipher.length).toBeGreaterThanOrEqual(3);
    expect(shared?.mac.length).toBeGreaterThanOrEqual(1);
  });

  describe('key exchange', () => {
    for (const name of shared?.kex ?? []) it(name, () => greets({ kex: [name] }));
  });

  describe('host key', () => {
    for (const name of shared?.hostKey ?? []) {
      const hostKey = keyKindOf(name);
      it(name, () => greets({ hostKey: [name] }, hostKey && [hostKey]));
    }
  });

  describe('cipher', () => {
    for (const name of shared?.cipher ?? []) it(name, () => greets({ cipher: [name] }));
  });

  describe('MAC', () => {
    for (const name of shared?.mac ?? []) {
      const cipher = withMac.filter((each) => shared?.cipher.includes(each));
      it.each(cipher)(`${name} with %s`, (each) => greets({ mac: [name], cipher: [each] }));
    }
  });

  describe('compression', () => {
    for (const name of shared?.compression ?? []) it(name, () => greets({ compression: [name] }));
  });
});
