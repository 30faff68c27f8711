/** Which host keys a server shows, which keys and signatures of its users it takes, and what is asked of it when. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { serviceRequest } from '../../src/message/transport.ts';
import { userauthPublickeyRequest } from '../../src/message/userauth.ts';
import { ServerProtocol, type SharedServerOptions, serverSettings } from '../../src/protocol/server.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { publickeySignatureData } from '../../src/userauth/publickey.ts';
import { newRsaKey, noble } from '../crypto/support.ts';
import { Conversation, testHostKey } from '../support/conversation.ts';
import { makeSecurityKey, signWithSecurityKey } from '../support/securityKeys.ts';

const rsa = newRsaKey(2048);

function sharedOptions(
  hostKeys: readonly PrivateKey[],
  more: Partial<SharedServerOptions> = {},
): SharedServerOptions {
  return {
    provider: noble,
    preferences: resolveAlgorithms(undefined, 'server'),
    limits: defaultLimits,
    timeouts: defaultTimeouts,
    keepAlive: undefined,
    rekey: defaultRekeyPolicy,
    identification: identificationLine('deadline_ssh'),
    requireStrict: false,
    hostKeys,
    ...more,
  };
}

describe('the host keys of a server', () => {
  it('are offered by the algorithms that they can sign with, in the order of the options, and by no others', () => {
    const { preferences, hostKeys } = serverSettings(sharedOptions([rsa, testHostKey]));
    expect(preferences.hostKey).toEqual(['ssh-ed25519', 'rsa-sha2-512', 'rsa-sha2-256']);
    expect([...hostKeys.keys()].sort()).toEqual(['rsa-sha2-256', 'rsa-sha2-512', 'ssh-ed25519']);
    expect(hostKeys.get('ssh-ed25519')).toBe(testHostKey);
    expect(hostKeys.get('rsa-sha2-256')).toBe(rsa);
    expect(serverSettings(sharedOptions([testHostKey])).preferences.hostKey).toEqual(['ssh-ed25519']);
  });

  it('of one type: the first is shown', () => {
    const other = newRsaKey(2048);
    const { hostKeys } = serverSettings(sharedOptions([rsa, other]));
    expect([...new Set(hostKeys.values())]).toEqual([rsa]);
  });

  it('are offered by the list of the options where that leaves no wider one', () => {
    const { wider: _wider, ...narrow } = resolveAlgorithms({ hostKey: ['rsa-sha2-256'] }, 'server');
    const settings = serverSettings(sharedOptions([rsa, testHostKey], { preferences: narrow }));
    expect(settings.preferences.hostKey).toEqual(['rsa-sha2-256']);
  });
});

describe('a server announces', () => {
  it('the signatures that it takes from users, those of tokens among them, and that it answers pings', () => {
    const { extensions, role } = serverSettings(sharedOptions([testHostKey]));
    expect(role).toBe('server');
    expect(Object.keys(extensions)).toEqual(['server-sig-algs', 'ping@openssh.com']);
    const names = extensions['server-sig-algs']?.split(',') ?? [];
    expect(names).toEqual(
      expect.arrayContaining(['ssh-ed25519', 'rsa-sha2-512', 'sk-ssh-ed25519@openssh.com']),
    );
    expect(names).toContain('sk-ecdsa-sha2-nistp256@openssh.com');
    expect(names).not.toContain('ssh-rsa');
    const { serverSigAlgs } = Conversation.to('authentication').client.transport.peerExtensions;
    expect(serverSigAlgs).toEqual(names);
  });

  it('no compression that begins before the user is in', () => {
    const preferences = { ...resolveAlgorithms(undefined, 'server'), compression: ['zlib', 'none'] };
    const { compression } = serverSettings(sharedOptions([testHostKey], { preferences })).preferences;
    expect(compression).not.toContain('zlib');
    expect(compression).toContain('none');
  });
});

/**
 * What a server's application hears of a login by key: whether it was proven, once for each time it was asked.
 * The client says what it is told to, also what ours would not.
 */
function heard(
  {
    algorithm,
    blob,
    sign,
  }: {
    readonly algorithm: string;
    readonly blob: Uint8Array;
    readonly sign: (data: Uint8Array) => Uint8Array;
  },
  limits: Partial<Limits> = {},
): readonly boolean[] {
  const conversation = Conversation.to('authentication', { server: { limits } }).silenceServer();
  const { client, server } = conversation;
  const proven: boolean[] = [];
  const reject = server.reject.bind(server);
  server.reject = (rejection) => {
    proven.push(server.isProven());
    reject(rejection);
  };
  const request = {
    userName: 'user',
    serviceName: 'ssh-connection',
    methodName: 'publickey',
    hasSignature: true,
    publicKeyAlgorithm: algorithm,
    publicKey: blob,
  } as const;
  const { sessionId = new Uint8Array(0) } = client.transport.keyExchange;
  const signature = sign(publickeySignatureData(sessionId, request));
  client.transport.send(userauthPublickeyRequest, { ...request, signature });
  conversation.exchange();
  expect(server.cause).toBeUndefined();
  return proven;
}

const blobOf = ({ publicKey }: Pick<PrivateKey, 'publicKey'>): Uint8Array => encodePublicKey(publicKey);
const signedBy =
  (key: PrivateKey, algorithm: string, named = algorithm) =>
  (data: Uint8Array): Uint8Array =>
    encodeSignature(named, noble.sign(algorithm, key, data));

describe('a login by key', () => {
  it('is proven by a signature of that key over that request, and by nothing else', () => {
    const login = { algorithm: 'rsa-sha2-512', blob: blobOf(rsa), sign: signedBy(rsa, 'rsa-sha2-512') };
    expect(heard(login)).toEqual([true]);
    const other = newRsaKey(2048);
    expect(heard({ ...login, sign: signedBy(other, 'rsa-sha2-512') })).toEqual([false]);
    expect(heard({ ...login, sign: () => login.sign(Uint8Array.of(1)) })).toEqual([false]);
    // The signature is right for what it says it is, which is not what was asked for: nobody is asked.
    expect(heard({ ...login, sign: signedBy(rsa, 'rsa-sha2-256') })).toEqual([]);
    expect(heard({ ...login, sign: signedBy(rsa, 'rsa-sha2-512', 'rsa-sha2-256') })).toEqual([]);
    expect(heard({ ...login, sign: signedBy(rsa, 'rsa-sha2-256', 'rsa-sha2-512') })).toEqual([false]);
  });

  it('is refused unasked where the key is of another type than the algorithm, or the algorithm is not taken', () => {
    const ed25519 = {
      algorithm: 'ssh-ed25519',
      blob: blobOf(testHostKey),
      sign: signedBy(testHostKey, 'ssh-ed25519'),
    };
    expect(heard(ed25519)).toEqual([true]);
    expect(heard({ ...ed25519, algorithm: 'rsa-sha2-512' })).toEqual([]);
    expect(heard({ ...ed25519, blob: blobOf(rsa) })).toEqual([]);
    expect(heard({ ...ed25519, algorithm: 'ssh-ed25519-cert-v01@openssh.com' })).toEqual([]);
  });

  it('has a key as long as both limits allow', () => {
    const login = { algorithm: 'rsa-sha2-256', blob: blobOf(rsa), sign: signedBy(rsa, 'rsa-sha2-256') };
    const long = newRsaKey(2056);
    const longer = { algorithm: 'rsa-sha2-256', blob: blobOf(long), sign: signedBy(long, 'rsa-sha2-256') };
    for (const limit of ['userRsaBits', 'rsaMaximumBits'] as const) {
      expect(heard(login, { [limit]: 2048 })).toEqual([true]);
      expect(heard(longer, { [limit]: 2056 })).toEqual([true]);
      expect(heard(longer, { [limit]: 2048 })).toEqual([]);
    }
    expect(heard(login, { rsaMinimumBits: 2048 })).toEqual([true]);
    expect(heard(login, { rsaMinimumBits: 2056 })).toEqual([]);
  });

  it.each([
    ['sk-ssh-ed25519@openssh.com', makeSecurityKey('ed25519', 'ssh:', 5)],
    ['sk-ecdsa-sha2-nistp256@openssh.com', makeSecurityKey('ecdsa256', 'ssh:', 6)],
  ])('of a token (%s) is proven where somebody touched it', (algorithm, token) => {
    const signs = (flags: number) => (data: Uint8Array) =>
      encodeSignature(algorithm, signWithSecurityKey(token, data, flags, 7));
    const blob = encodePublicKey(token.publicKey);
    for (const [flags, isProven] of [
      [0, false],
      [1, true],
      [4, false],
      [5, true],
    ] as const)
      expect(heard({ algorithm, blob, sign: signs(flags) })).toEqual([isProven]);
  });
});

describe('a server that is asked', () => {
  it('for another service than authentication ends the connection', () => {
    const conversation = Conversation.to('identified');
    const { transport } = conversation.client;
    transport.requestService = () => transport.send(serviceRequest, { serviceName: 'ssh-connection' });
    conversation.exchange();
    expect(conversation.server.cause).toMatchObject({
      code: 'ERR_SSH_UNEXPECTED_MESSAGE',
      phase: 'authentication',
    });
    expect(conversation.client.cause).toMatchObject({ code: 'ERR_SSH_DISCONNECTED', disconnectReason: 2 });
  });

  it('knows no verdict before a user asked, and none after the end', () => {
    const { server } = Conversation.to('identified');
    for (const verdict of [
      () => server.accept(),
      () => server.reject(),
      () => server.pkOk(),
      () => server.infoRequest({ name: '', instruction: '', prompts: [] }),
      () => server.passwdChangeReq('new'),
      () => server.banner('hello'),
    ])
      verdict();
    expect([server.cause, server.isProven()]).toEqual([undefined, false]);
  });

  it('whether it will compute is asked of it until the user is in', () => {
    const conversation = Conversation.to('identified');
    const asked: number[] = [];
    const { server } = conversation;
    server.transport.keyExchange.admit = (work) => void asked.push(work);
    conversation.proceed('authentication');
    expect(asked).toHaveLength(1);
    expect(asked[0]).toBeGreaterThan(0);
    conversation.client.at(0).attempt({ method: 'password', password: 'wrong' });
    conversation.exchange();
    expect(server.transport.keyExchange.admit).toBeDefined();
    conversation.client.at(0).attempt({ method: 'password', password: 'right' });
    conversation.exchange();
    expect(server.transport.keyExchange.admit).toBeUndefined();
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(asked).toHaveLength(1);
  });

  it('passes what it is asked on to the key exchange, whose refusal ends the connection', () => {
    const admitKeyExchange = (): void => {
      throw new SshError('ERR_SSH_LIMIT', 'too busy', { origin: 'local' });
    };
    const server = new ServerProtocol({
      ...sharedOptions([testHostKey]),
      waits: new WaitTable(),
      now: 0,
      methods: ['password'],
      loginTimeout: 100,
      admitKeyExchange,
    });
    expect(server.transport.keyExchange.admit).toBe(admitKeyExchange);
  });

  it('for a login names the methods of its options, and whose verdict is late', () => {
    const conversation = Conversation.to('authentication');
    conversation.server.reject = () => {};
    conversation.client.at(0).attempt({ method: 'password', password: 'wrong' });
    conversation.exchange();
    const late = conversation.server.waits.list().find(({ name }) => name === 'dial');
    late?.onExpire?.();
    expect(conversation.server.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      message: expect.stringMatching(/waiting for this side's own verdict on an authentication request$/),
    });
  });

  it('for a login that it refuses says which methods can go on', () => {
    const conversation = Conversation.to('authentication');
    conversation.client.at(0).attempt({ method: 'password', password: 'wrong' });
    conversation.exchange();
    const [, wanted] = conversation.eventsOf('methodWanted');
    expect(wanted).toMatchObject({ methodsThatCanContinue: ['password'], failed: 'password' });
  });
});
