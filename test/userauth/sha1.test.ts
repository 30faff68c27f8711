/** `ssh-rsa`, a signature over SHA-1, is taken and offered by those alone whose options name it. */
import { describe, expect, it } from 'vitest';
import { signatureAlgorithmsFor, usableSignatures } from '../../src/crypto/algorithms.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { publickeyAlgorithmsFor } from '../../src/userauth/signatureAlgorithms.ts';
import { newRsaKey, noble } from '../crypto/support.ts';
import { Conversation } from '../support/conversation.ts';

const key = newRsaKey(2048);
const legacy = resolveAlgorithms('legacy').hostKey;

/** Whether a server takes the signature of a client that logs in with that algorithm, whatever was announced. */
function isTaken(algorithm: string, hostKey?: readonly string[]): boolean {
  const preferences = hostKey === undefined ? {} : { hostKey };
  const conversation = Conversation.to('authentication', { server: { preferences } });
  const { client, server } = conversation;
  const proven: boolean[] = [];
  const reject = server.reject.bind(server);
  server.reject = (rejection) => {
    proven.push(server.isProven());
    reject(rejection);
  };
  client
    .at(0)
    .attempt({ method: 'publickey', algorithm, publicKey: encodePublicKey(key.publicKey), probe: false });
  for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent()) {
    if (event.type !== 'signatureWanted') continue;
    client.at(0).sign(encodeSignature(algorithm, noble.sign(algorithm, key, event.data)));
  }
  conversation.exchange();
  expect(conversation.serverEventsOf('request')).toHaveLength(proven.length);
  return proven.includes(true);
}

describe('a server', () => {
  it('takes a signature over SHA-2 from a user', () => {
    expect(isTaken('rsa-sha2-512')).toBe(true);
  });

  it('refuses one over SHA-1 without asking the application', () => {
    expect(isTaken('ssh-rsa')).toBe(false);
  });

  it('takes one over SHA-1 where its options name ssh-rsa', () => {
    expect(isTaken('ssh-rsa', legacy)).toBe(true);
  });

  it.each([
    [undefined, false],
    [legacy, true],
  ])('announces what it takes (RFC 8308 §3.1): %j', (hostKey, hasSha1) => {
    const preferences = hostKey === undefined ? {} : { hostKey };
    const conversation = Conversation.to('authentication', { server: { preferences } });
    const { serverSigAlgs = [] } = conversation.client.transport.peerExtensions;
    expect(serverSigAlgs).toContain('rsa-sha2-256');
    expect(serverSigAlgs.includes('ssh-rsa')).toBe(hasSha1);
  });

  it.each([
    [undefined, 'ERR_SSH_NO_COMMON_ALGORITHM'],
    [legacy, undefined],
  ])('shows an RSA host key by ssh-rsa only where its options name it: %j', (hostKey, code) => {
    const preferences = hostKey === undefined ? {} : { hostKey };
    const conversation = new Conversation({
      client: { preferences: { hostKey: ['ssh-rsa'] } },
      server: { preferences, hostKeys: [key] },
    }).exchange();
    expect(conversation.cause?.code).toBe(code);
  });
});

describe('a client', () => {
  it.each([
    ['nothing said', undefined, ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']],
    ['SHA-1 alone', ['ssh-rsa'], ['ssh-rsa']],
    ['SHA-2 alone', ['rsa-sha2-256'], ['rsa-sha2-256']],
  ])('tries ssh-rsa last, if it is named and the server takes it: %s', (_, serverSigAlgs, expected) => {
    expect(publickeyAlgorithmsFor('ssh-rsa', serverSigAlgs, legacy)).toEqual(expected);
    const unnamed = publickeyAlgorithmsFor('ssh-rsa', serverSigAlgs, resolveAlgorithms(undefined).hostKey);
    expect(unnamed).toEqual(expected.filter((name) => name !== 'ssh-rsa'));
  });
});

describe('the algorithms of a key', () => {
  it('leave SHA-1 out unless it is named', () => {
    expect(signatureAlgorithmsFor('ssh-rsa')).toEqual(['rsa-sha2-512', 'rsa-sha2-256']);
    expect(signatureAlgorithmsFor('ssh-rsa', legacy)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
    expect(usableSignatures([])).not.toContain('ssh-rsa');
  });
});
