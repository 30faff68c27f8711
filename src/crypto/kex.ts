/**
 * The key exchange methods, as rows over a provider.
 *
 * Owns: what is sent as public value, how K is written into the exchange hash.
 * Must not know: messages, the exchange hash itself, which provider computes.
 * Sources: RFC 4253 §8, RFC 8268 (groups 14 to 18), RFC 5656 §4, RFC 8731,
 * draft-ietf-sshm-mlkem-hybrid-kex §2.
 */
import { concatBytes, wipe } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import { WireWriter } from '../wire/writer.ts';
import { type KexName, kexMethods } from './algorithms.ts';
import { type DhGroupName, dhGroup } from './dhGroups.ts';
import type { CryptoProvider, HashName, KeyAgreement } from './provider.ts';

/** The client's side of one exchange. Its secret is used up by `finish`. */
export interface KexInitiator {
  readonly publicValue: Uint8Array;
  /**
   * K as it goes into the exchange hash: an mpint or a string, length prefix included.
   *
   * @throws SshError `ERR_SSH_KEY_EXCHANGE` for a value of the server that is malformed or weak
   */
  finish(serverValue: Uint8Array): Uint8Array;
}

/** The server's side of one exchange. */
export interface KexResponse {
  readonly serverValue: Uint8Array;
  /** See `KexInitiator.finish`. */
  readonly encodedSecret: Uint8Array;
}

/** A key exchange method over whatever provider it is given. */
export interface KexMethod {
  readonly name: KexName;
  readonly hash: HashName;
  /**
   * How the public values are written in the messages and in the exchange hash:
   * 'mpint' for Diffie-Hellman over a prime field (RFC 4253 §8; values here are
   * big-endian magnitudes, as `WireReader.copyMpint` returns them), 'string' for the others.
   */
  readonly valueEncoding: 'mpint' | 'string';
  initiate(provider: CryptoProvider): KexInitiator;
  /** @throws SshError `ERR_SSH_KEY_EXCHANGE` for a value of the client that is malformed or weak */
  respond(provider: CryptoProvider, clientValue: Uint8Array): KexResponse;
}

/** The method of a name. The provider it is given must have loaded that name's code. */
export function kexMethod(name: KexName): KexMethod {
  switch (name) {
    case 'mlkem768x25519-sha256':
      return hybridMethod(name);
    case 'curve25519-sha256':
    case 'curve25519-sha256@libssh.org':
      return agreementMethod(name, 'string', (provider) => provider.x25519);
    case 'ecdh-sha2-nistp256':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp256'));
    case 'ecdh-sha2-nistp384':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp384'));
    case 'ecdh-sha2-nistp521':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp521'));
    case 'diffie-hellman-group14-sha256':
      return groupMethod(name, 'group14');
    case 'diffie-hellman-group16-sha512':
      return groupMethod(name, 'group16');
    case 'diffie-hellman-group18-sha512':
      return groupMethod(name, 'group18');
    default:
      throw new SshError('ERR_SSH_INTERNAL', `${String(name satisfies never)} is no key exchange method`, {
        origin: 'local',
        phase: 'keyExchange',
      });
  }
}

function groupMethod(name: KexName, group: DhGroupName): KexMethod {
  return agreementMethod(name, 'mpint', (provider) => provider.dh(dhGroup(group)));
}

/** One Diffie-Hellman function; K is an mpint, for X25519 of its octets read big-endian (RFC 8731 §3.1). */
function agreementMethod(
  name: KexName,
  valueEncoding: 'mpint' | 'string',
  agreementOf: (provider: CryptoProvider) => KeyAgreement,
): KexMethod {
  return {
    name,
    hash: kexMethods[name].hash,
    valueEncoding,
    initiate(provider) {
      const agreement = agreementOf(provider);
      const { publicKey, secretKey } = agreement.generate();
      return initiator(publicKey, [secretKey], (serverValue) =>
        encodeMpint(agreement.sharedSecret(secretKey, serverValue)),
      );
    },
    respond(provider, clientValue) {
      const agreement = agreementOf(provider);
      const { publicKey, secretKey } = agreement.generate();
      const secret = agreement.sharedSecret(secretKey, clientValue);
      wipe(secretKey);
      return { serverValue: publicKey, encodedSecret: encodeMpint(secret) };
    },
  };
}

const x25519Length = 32;

/**
 * ML-KEM-768 with X25519: the client's value is encapsulation key ‖ X25519
 * value, the server's ciphertext ‖ X25519 value, and K the string
 * SHA-256(K_PQ ‖ K_CL), not an mpint.
 */
function hybridMethod(name: KexName): KexMethod {
  return {
    name,
    hash: kexMethods[name].hash,
    valueEncoding: 'string',
    initiate(provider) {
      const { mlKem768, x25519 } = provider;
      const encapsulation = mlKem768.generate();
      const classical = x25519.generate();
      const secrets = [encapsulation.secretKey, classical.secretKey];
      return initiator(concatBytes(encapsulation.publicKey, classical.publicKey), secrets, (serverValue) => {
        const [ciphertext, point] = splitHybrid(serverValue, mlKem768.ciphertextLength, 'server');
        const postQuantum = mlKem768.decapsulate(ciphertext, encapsulation.secretKey);
        return combine(provider, postQuantum, x25519.sharedSecret(classical.secretKey, point));
      });
    },
    respond(provider, clientValue) {
      const { mlKem768, x25519 } = provider;
      const [publicKey, point] = splitHybrid(clientValue, mlKem768.publicKeyLength, 'client');
      const encapsulated = mlKem768.encapsulate(publicKey);
      const classical = x25519.generate();
      const secret = x25519.sharedSecret(classical.secretKey, point);
      wipe(classical.secretKey);
      return {
        serverValue: concatBytes(encapsulated.ciphertext, classical.publicKey),
        encodedSecret: combine(provider, encapsulated.sharedSecret, secret),
      };
    },
  };
}

function splitHybrid(value: Uint8Array, length: number, sender: string): [Uint8Array, Uint8Array] {
  if (value.length !== length + x25519Length) {
    throw new SshError(
      'ERR_SSH_KEY_EXCHANGE',
      `the hybrid value of the ${sender} has ${value.length} bytes, ${length + x25519Length} expected`,
      { phase: 'keyExchange' },
    );
  }
  return [value.subarray(0, length), value.subarray(length)];
}

function combine(provider: CryptoProvider, postQuantum: Uint8Array, classical: Uint8Array): Uint8Array {
  const hash = provider.createHash('sha256');
  hash.update(postQuantum);
  hash.update(classical);
  const digest = hash.digest();
  const encoded = new WireWriter(new Uint8Array(4 + digest.length)).string(digest).copyWritten();
  wipe(postQuantum, classical, digest);
  return encoded;
}

/** Wipes `secrets` once they served, so that a second `finish` cannot compute with zeros unnoticed. */
function initiator(
  publicValue: Uint8Array,
  secrets: readonly Uint8Array[],
  compute: (serverValue: Uint8Array) => Uint8Array,
): KexInitiator {
  let used = false;
  return {
    publicValue,
    finish(serverValue) {
      if (used) {
        throw new SshError('ERR_SSH_INTERNAL', 'a key exchange was finished twice', {
          origin: 'local',
          phase: 'keyExchange',
        });
      }
      used = true;
      try {
        return compute(serverValue);
      } finally {
        wipe(...secrets);
      }
    },
  };
}

function encodeMpint(secret: Uint8Array): Uint8Array {
  const encoded = new WireWriter(new Uint8Array(secret.length + 5)).mpint(secret).copyWritten();
  wipe(secret);
  return encoded;
}
