/**
 * The package `deadline-ssh/server`: the server role.
 *
 * Owns: the list of public names.
 * Must not know: anything else.
 */
/// <reference types="node" preserve="true" />
import { listen } from '../node/listener.ts';
import { nodePlatform } from '../node/platform.ts';
import type { ServerOptions } from '../server/options.ts';
import { createServerOn, type SshServer } from '../server/server.ts';

/**
 * Makes an SSH server that runs in this process: for tests, demonstrations and
 * programs that serve SSH.
 *
 * @throws SshError `ERR_SSH_OPTIONS`, `ERR_SSH_KEY_…`
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { createServer } from 'deadline-ssh/server';
 * const server = await createServer({
 *   hostKeys: readFileSync('host_ed25519'),
 *   authentication: { password: (username, password) => username === 'ops' && password === 'secret' },
 *   exec: async (process, command) => {
 *     process.stdout.write(`you said ${command}\n`);
 *     return 0;
 *   },
 * });
 * const { port } = await server.listen(2222);
 * ```
 */
export const createServer: (options: ServerOptions) => Promise<SshServer> = createServerOn({
  ...nodePlatform,
  listen,
});

export { type ServeFolderOptions, serveFolder } from '../node/served/serveFolder.ts';
export type { AuthenticationMethod } from '../server/factors.ts';
export type {
  Authentication,
  AuthenticationContext,
  AuthenticationVerdict,
  ForwardingFunctions,
  LocalForwardRequest,
  OfferedKey,
  OpenTcpRequest,
  PasswordChange,
  RemoteForwardRequest,
  ServerOptions,
} from '../server/options.ts';
export { type ServerAddress, SshServer } from '../server/server.ts';
export { ServerConnection } from '../server/serverConnection.ts';
export { ServerProcess, type Terminal } from '../server/serverProcess.ts';
export type { SftpOption } from '../server/sftpSubsystem.ts';
export type { FilesystemStatus } from '../sftp/packet/extensions.ts';
export {
  type AttributeChanges,
  type ServedAttributes,
  type ServedEntry,
  type ServedFile,
  type SftpHandlers,
  serveFiles,
} from '../sftp/serve/handlers.ts';
export {
  type OpenHow,
  type RefusalReason,
  type SftpContext,
  SftpRefusal,
  type SftpStore,
  type StoreSession,
} from '../sftp/serve/store.ts';
