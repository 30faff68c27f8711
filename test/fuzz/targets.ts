/**
 * All targets by name.
 *
 * Owns: the list. A new target is a file in `targets/` and a line here.
 * Must not know: what they test.
 */
import type { FuzzTarget } from './target.ts';
import { compression } from './targets/compression.ts';
import { crypto } from './targets/crypto.ts';
import { identification } from './targets/identification.ts';
import { knownHosts } from './targets/knownHosts.ts';
import { messages } from './targets/messages.ts';
import { operations } from './targets/operations.ts';
import { packets } from './targets/packets.ts';
import { privateKeys } from './targets/privateKeys.ts';
import { publicKeys } from './targets/publicKeys.ts';
import { revokedKeys } from './targets/revokedKeys.ts';
import { session } from './targets/session.ts';
import { sftpClient } from './targets/sftpClient.ts';
import { sftpPackets } from './targets/sftpPackets.ts';
import { sftpServer } from './targets/sftpServer.ts';
import { sshConfig } from './targets/sshConfig.ts';

export const targets: readonly FuzzTarget[] = [
  identification,
  packets,
  compression,
  messages,
  session,
  operations,
  privateKeys,
  publicKeys,
  knownHosts,
  revokedKeys,
  crypto,
  sftpPackets,
  sftpClient,
  sftpServer,
  sshConfig,
];
