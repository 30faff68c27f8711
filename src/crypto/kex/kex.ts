/**
 * The key exchange methods, as rows over a provider.
 *
 * Owns: what is sent as public value, how K is written into the exchange hash.
 * Must not know: messages, the exchange hash itself, which provider computes.
 * Sources: RFC 4253 §8, RFC 8268 (groups 14 to 18), RFC 4419 §3, RFC 5656 §4,
 * RFC 8731, draft-ietf-sshm-mlkem-hybrid-kex §2, draft-ietf-sshm-ntruprime-ssh.
 */
import { concatBytes, emptyBytes, wipe } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type KexName, kexMethods } from '../algorithms.ts';
import type {
  CryptoProvider,
  DhGroup,
  HashName,
  KeyAgreement,
  KeyEncapsulation,
} from '../provider/provider.ts';
import { exchangeWork, groupWork } from '../work.ts';
import { type DhGroupName, dhGroup } from './dhGroups.ts';

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
  /** Whether init and reply have the numbers of the group exchange, 32 and 33 (RFC 4419 §5), or 30 and 31. */
  readonly afterGroupExchange: boolean;
  /** What stands between K_S and the public values in the exchange hash. */
  readonly hashPrefix: Uint8Array;
  /** What `respond` costs, about: milliseconds, see `work.ts`. */
  readonly work: number;
  initiate(provider: CryptoProvider): KexInitiator;
  /** @throws SshError `ERR_SSH_KEY_EXCHANGE` for a value of the client that is malformed or weak */
  respond(provider: CryptoProvider, clientValue: Uint8Array): KexResponse;
}

/** Methods in which the server chooses the group (RFC 4419). */
export type GroupExchangeName = 'diffie-hellman-group-exchange-sha256' | 'diffie-hellman-group-exchange-sha1';

export function isGroupExchange(name: KexName): name is GroupExchangeName {
  return name === 'diffie-hellman-group-exchange-sha256' || name === 'diffie-hellman-group-exchange-sha1';
}

/**
 * The method of a name, except those that agree on a group first. The
 * provider it is given must have loaded that name's code.
 */
export function kexMethod(name: Exclude<KexName, GroupExchangeName>): KexMethod {
  switch (name) {
    case 'mlkem768x25519-sha256':
      return hybridMethod(name, (provider) => provider.mlKem768);
    case 'sntrup761x25519-sha512':
    case 'sntrup761x25519-sha512@openssh.com':
      return hybridMethod(name, (provider) => provider.sntrup761);
    case 'curve25519-sha256':
    case 'curve25519-sha256@libssh.org':
      return agreementMethod(name, 'string', (provider) => provider.x25519);
    case 'curve448-sha512':
      return agreementMethod(name, 'string', (provider) => provider.x448);
    case 'ecdh-sha2-nistp256':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp256'));
    case 'ecdh-sha2-nistp384':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp384'));
    case 'ecdh-sha2-nistp521':
      return agreementMethod(name, 'string', (provider) => provider.ecdh('nistp521'));
    case 'diffie-hellman-group1-sha1':
      return groupMethod(name, 'group1');
    case 'diffie-hellman-group14-sha1':
    case 'diffie-hellman-group14-sha256':
      return groupMethod(name, 'group14');
    case 'diffie-hellman-group15-sha512':
      return groupMethod(name, 'group15');
    case 'diffie-hellman-group16-sha512':
      return groupMethod(name, 'group16');
    case 'diffie-hellman-group17-sha512':
      return groupMethod(name, 'group17');
    case 'diffie-hellman-group18-sha512':
      return groupMethod(name, 'group18');
    default:
      throw new SshError('ERR_SSH_INTERNAL', `${String(name satisfies never)} is not a key exchange method`, {
        origin: 'local',
        phase: 'keyExchange',
      });
  }
}

/**
 * The rest of a group exchange, once its group is agreed on.
 *
 * @param sizes the fields of the request as they were sent: they are part of the exchange hash (RFC 4419 §3)
 */
export function groupExchangeMethod(name: GroupExchangeName, sizes: Uint8Array, group: DhGroup): KexMethod {
  const numbers = new WireWriter().bytes(sizes).mpint(group.prime).mpint(group.generator);
  return {
    ...agreementMethod(name, 'mpint', (provider) => provider.dh(group)),
    afterGroupExchange: true,
    hashPrefix: numbers.copyWritten(),
    work: groupWork(8 * group.prime.length),
  };
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
    afterGroupExchange: false,
    hashPrefix: emptyBytes,
    work: exchangeWork(name),
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
 * A key encapsulation with X25519: the client's value is encapsulation key ‖
 * X25519 value, the server's ciphertext ‖ X25519 value, and K the string
 * HASH(K_PQ ‖ K_CL), not an mpint.
 */
function hybridMethod(name: KexName, mechanismOf: (provider: CryptoProvider) => KeyEncapsulation): KexMethod {
  const { hash } = kexMethods[name];
  return {
    name,
    hash,
    valueEncoding: 'string',
    afterGroupExchange: false,
    hashPrefix: emptyBytes,
    work: exchangeWork(name),
    initiate(provider) {
      const { x25519 } = provider;
      const mechanism = mechanismOf(provider);
      const encapsulation = mechanism.generate();
      const classical = x25519.generate();
      const secrets = [encapsulation.secretKey, classical.secretKey];
      return initiator(concatBytes(encapsulation.publicKey, classical.publicKey), secrets, (serverValue) => {
        const [ciphertext, point] = splitHybrid(serverValue, mechanism.ciphertextLength, 'server');
        const postQuantum = mechanism.decapsulate(ciphertext, encapsulation.secretKey);
        return combine(provider, hash, postQuantum, x25519.sharedSecret(classical.secretKey, point));
      });
    },
    respond(provider, clientValue) {
      const { x25519 } = provider;
      const mechanism = mechanismOf(provider);
      const [publicKey, point] = splitHybrid(clientValue, mechanism.publicKeyLength, 'client');
      const encapsulated = mechanism.encapsulate(publicKey);
      const classical = x25519.generate();
      const secret = x25519.sharedSecret(classical.secretKey, point);
      wipe(classical.secretKey);
      return {
        serverValue: concatBytes(encapsulated.ciphertext, classical.publicKey),
        encodedSecret: combine(provider, hash, encapsulated.sharedSecret, secret),
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

function combine(
  provider: CryptoProvider,
  hash: HashName,
  postQuantum: Uint8Array,
  classical: Uint8Array,
): Uint8Array {
  const running = provider.createHash(hash);
  running.update(postQuantum);
  running.update(classical);
  const digest = running.digest();
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
