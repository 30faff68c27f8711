/**
 * Extension negotiation.
 *
 * Owns: RFC 8308 §2.3 (what EXT_INFO says), §3.1 (server-sig-algs), and
 * ping@openssh.com, publickey-hostbound@openssh.com (OpenSSH PROTOCOL §1.4, §1.8).
 * Must not know: when EXT_INFO may come (the gate) or what follows from it.
 */
import { utf8Decode, utf8Encode } from '../base/bytes.ts';
import { SharedObjects } from '../base/shared.ts';
import type { ExtInfo } from '../message/transport.ts';
import type { Role } from './identification.ts';
import { type Quirks, quirksOf } from './quirks.ts';

/** What a peer announced; a second EXT_INFO replaces the first. */
export interface PeerExtensions {
  /** Signature algorithms the server takes from users; undefined when it did not say. */
  readonly serverSigAlgs: readonly string[] | undefined;
  /** It answers SSH_MSG_PING. */
  readonly ping: boolean;
  /** It takes publickey-hostbound-v00@openssh.com. */
  readonly publickeyHostbound: boolean;
}

export const noExtensions: PeerExtensions = {
  serverSigAlgs: undefined,
  ping: false,
  publickeyHostbound: false,
};

/** By the text that announced them: servers of a kind send the same one, and each connection keeps the names. */
const algorithmLists = new SharedObjects<readonly string[]>();

/** Of a list of algorithms: there are no more of them, nor longer ones (RFC 4251 §6). */
const mostAlgorithms = 512;
const longestAlgorithm = 64;

/** What a server takes that says nothing of it, where its kind is known to. */
const rsaSha2 = ['rsa-sha2-512', 'rsa-sha2-256'];

/**
 * The extensions known here among those announced; unknown ones are ignored
 * (RFC 8308 §2.5), and so are those that mean nothing to this role: what a client
 * says is kept by a server for as long as it likes.
 */
export function readExtensions(
  message: ExtInfo,
  quirks: Quirks = quirksOf(undefined),
  role: Role = 'client',
): PeerExtensions {
  let extensions = noExtensions;
  for (const { extensionName, extensionValue } of message.extensions) {
    if (extensionName === 'ping@openssh.com') {
      extensions = { ...extensions, ping: isVersion0(extensionValue) };
    } else if (role === 'server') {
    } else if (extensionName === 'server-sig-algs') {
      const announced = algorithmsIn(extensionValue);
      const serverSigAlgs = quirks.takesRsaSha2 ? [...new Set([...announced, ...rsaSha2])] : announced;
      extensions = { ...extensions, serverSigAlgs };
    } else if (extensionName === 'publickey-hostbound@openssh.com') {
      extensions = { ...extensions, publickeyHostbound: isVersion0(extensionValue) };
    }
  }
  return extensions;
}

function isVersion0(value: Uint8Array): boolean {
  return value.length === 1 && value[0] === 0x30;
}

function algorithmsIn(value: Uint8Array): readonly string[] {
  const text = utf8Decode(value.subarray(0, mostAlgorithms * (longestAlgorithm + 1)));
  return algorithmLists.get(text, () => {
    const names = text.split(',').filter((name) => name !== '' && name.length <= longestAlgorithm);
    return [...new Set(names.slice(0, mostAlgorithms))];
  });
}

/** What this side announces. */
export function announce(extensions: Readonly<Record<string, string>>): ExtInfo {
  return {
    extensions: Object.entries(extensions).map(([extensionName, value]) => ({
      extensionName,
      extensionValue: utf8Encode(value),
    })),
  };
}
