/**
 * Node, Bun and Deno as a platform.
 *
 * Owns: the choice of implementations for each seam.
 * Must not know: what is done with them.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import type { Platform } from '../client/platform.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import { lateCode } from '../endpoint/lateCode.ts';
import { userAgentPath } from './agentPath.ts';
import { nodeClock } from './clock.ts';
import { commandLink } from './command/commandLink.ts';
import { loadMissingDigests } from './crypto/digests.ts';
import { opensslKeyArithmetic } from './crypto/keyArithmetic.ts';
import { createOpensslProvider } from './crypto/provider.ts';
import { systemChance, systemRandomBytes } from './crypto/random.ts';
import { publishConnectionEvents } from './diagnosticsChannel.ts';
import { createHttpAgent } from './httpAgent.ts';
import { knownHosts } from './knownHosts/knownHosts.ts';
import { localNetwork } from './localNetwork.ts';
import { localLink, streamLink, tcpLink } from './socketLink.ts';
import { nodeStreams } from './streams.ts';

/** Bytes of a file with cookies of displays; it has a hundred for each. */
const longestCookieFile = 1024 * 1024;

let openssl: CryptoProvider | undefined;
let everyPacketOpenssl: CryptoProvider | undefined;
let noble: CryptoProvider | undefined;

publishConnectionEvents();

export const nodePlatform: Platform = {
  clock: nodeClock,
  streams: nodeStreams,
  files: async () => {
    const load = () => Promise.all([import('./files/fileStreams.ts'), import('./files/localFiles.ts')]);
    const [{ nodeFileStreams }, { nodeLocalFiles }] = await lateCode('local files', load);
    return { streams: nodeFileStreams, files: nodeLocalFiles };
  },
  cryptoProvider: async (kind) => {
    if (kind === 'noble') {
      const { createNobleProvider } = await lateCode(
        'cryptography in TypeScript',
        () => import('../crypto/noble/provider.ts'),
      );
      noble ??= createNobleProvider({ randomBytes: systemRandomBytes });
      return noble;
    }
    await loadMissingDigests();
    if (kind === 'openssl') {
      everyPacketOpenssl ??= createOpensslProvider({ everyPacket: true });
      return everyPacketOpenssl;
    }
    openssl ??= createOpensslProvider();
    return openssl;
  },
  keyArithmetic: (kind) => (kind === 'noble' ? undefined : opensslKeyArithmetic),
  tcp: tcpLink,
  stream: streamLink,
  command: commandLink,
  local: localLink,
  httpAgent: createHttpAgent,
  network: localNetwork,
  display: () => process.env['DISPLAY'] || undefined,
  displayCookies: async () => {
    try {
      const path = process.env['XAUTHORITY'] || join(homedir(), '.Xauthority');
      const { size } = await stat(path);
      return size > longestCookieFile ? undefined : new Uint8Array(await readFile(path));
    } catch {
      return undefined;
    }
  },
  agentPath: userAgentPath,
  chance: systemChance,
  defaultHostKeyVerifier: () => knownHosts(),
  asciiName: domainToASCII,
  localUser: () => {
    try {
      return userInfo().username;
    } catch {
      return undefined;
    }
  },
  pause: () => new Promise((resolve) => setImmediate(resolve)),
};
