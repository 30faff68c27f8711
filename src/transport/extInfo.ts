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

/** Servers of one kind announce the same, and each connection keeps it. */
const known = new SharedObjects<PeerExtensions>();

/** The extensions known here among those announced; unknown ones are ignored (RFC 8308 §2.5). */
export function readExtensions(message: ExtInfo, quirks: Quirks = quirksOf(undefined)): PeerExtensions {
  let extensions = noExtensions;
  for (const { extensionName, extensionValue } of message.extensions) {
    const value = utf8Decode(extensionValue);
    if (extensionName === 'server-sig-algs') {
      const implied = quirks.takesRsaSha2 ? ['rsa-sha2-512', 'rsa-sha2-256'] : [];
      const text = [...(value === '' ? [] : [value]), ...implied].join(',');
      extensions = { ...extensions, serverSigAlgs: text === '' ? [] : [...new Set(text.split(','))] };
    } else if (extensionName === 'ping@openssh.com') {
      extensions = { ...extensions, ping: value === '0' };
    } else if (extensionName === 'publickey-hostbound@openssh.com') {
      extensions = { ...extensions, publickeyHostbound: value === '0' };
    }
  }
  const announced = extensions;
  return known.get(JSON.stringify(announced), () => announced);
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
