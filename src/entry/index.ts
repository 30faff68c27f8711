/**
 * The package `deadline-ssh`: the client.
 *
 * Owns: the list of public names.
 * Must not know: anything else.
 */
/// <reference types="node" preserve="true" />

import { checkOption, checkOptions, milliseconds, someText } from '../base/optionChecks.ts';
import { defaultTimeouts } from '../base/timeouts.ts';
import { WaitTable } from '../base/waits.ts';
import { Agent } from '../client/agent/agent.ts';
import { AgentLink, agentError } from '../client/agent/agentLink.ts';
import type { Client } from '../client/client.ts';
import { createConnect } from '../client/dial/connect.ts';
import type { ConnectOptions } from '../client/dial/options.ts';
import { createPoolOn, type Pool, type PoolOptions } from '../client/fleet/pool.ts';
import { createRunOnAll, type RunOnAll } from '../client/fleet/runOnAll.ts';
import { createOpenTunnel, type OpenTunnel } from '../client/tunnel/openTunnel.ts';
import { nodePlatform } from '../node/platform.ts';

/**
 * Connects, checks the host key, authenticates. Everything that is waited for
 * has a deadline; the whole dial has `timeout`, 30 s where not given.
 *
 * @throws SshError `ERR_SSH_OPTIONS`, `ERR_SSH_KEY_…`, `ERR_SSH_CONNECT`, `ERR_SSH_TIMEOUT`,
 *   `ERR_SSH_IDENTIFICATION`, `ERR_SSH_NO_COMMON_ALGORITHM`, `ERR_SSH_HOST_KEY_…`,
 *   `ERR_SSH_AUTHENTICATION_FAILED`, `ERR_SSH_ABORTED`; `error.phase` tells how far it got.
 *   What a function of the options throws, as it is
 * @example
 * ```ts
 * import { readFileSync } from 'node:fs';
 * import { connect, knownHosts } from 'deadline-ssh';
 * const open = () =>
 *   connect({
 *     host: 'server.example',
 *     username: 'ops',
 *     privateKey: readFileSync('id_ed25519'),
 *     verifyHostKey: knownHosts(),
 *     timeout: 10_000,
 *   });
 * ```
 */
export const connect: (options: ConnectOptions) => Promise<Client> = createConnect(nodePlatform);

/**
 * Listens on this machine, connects each connection to a place that a server reaches,
 * and stays up: the server is dialled again whenever the connection to it ends, after a
 * time that grows with each failure and is never quite the same. A connection that comes
 * meanwhile is held for `holdTimeout` and then refused. A wrong host key or a refused
 * login ends the tunnel: another dial would end by it as well. So does the first dial
 * where it fails. Keep-alive, which is on by default, finds a path that is dead.
 *
 * @param connect the options of `connect`
 * @param from where to listen; `127.0.0.1` where no host is named
 * @param to where the server connects
 * @throws SshError `ERR_SSH_FORWARD` cannot listen there; what the first dial fails by, as from `connect`
 */
export const openTunnel: OpenTunnel = createOpenTunnel(nodePlatform);

/**
 * Keeps connections for their next use: `pool.use(target, work)` gives the work one that is
 * there and has room, or a new one. Each wait has a deadline; `close()` ends all.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export const createPool: <Target = string>(options?: PoolOptions<Target>) => Pool<Target> =
  createPoolOn(nodePlatform);

const agentTable = { timeout: milliseconds };

/**
 * Opens a connection to an authentication agent, which is made when it is first asked for something.
 *
 * @param path of its socket, or of its pipe; where not given the user's own (`SSH_AUTH_SOCK`, or that of Windows)
 * @param options `timeout` for each request, in milliseconds: 30,000
 * @throws SshError `ERR_SSH_AGENT` where there is none, `ERR_SSH_OPTIONS`
 * @example
 * ```ts
 * import { openAgent } from 'deadline-ssh';
 * import { generateKey } from 'deadline-ssh/keys';
 * await using agent = openAgent();
 * await agent.add(generateKey('ed25519'), { comment: 'for an hour', lifetime: 3600 });
 * ```
 */
export function openAgent(
  path: string | undefined = nodePlatform.agentPath(),
  options: { readonly timeout?: number | undefined } = {},
): Agent {
  checkOption('the path of the agent', path, someText);
  checkOptions(options, { of: 'openAgent', table: agentTable });
  if (path === undefined) throw agentError('there is no agent: SSH_AUTH_SOCK is not set');
  const { timeout = defaultTimeouts.agent } = options;
  const { clock } = nodePlatform;
  return new Agent(
    new AgentLink({ open: nodePlatform.local(path), clock, waits: new WaitTable(), timeout, path }),
  );
}

/**
 * Runs one command on many hosts, a bounded number at a time. Each target
 * comes to one result, as soon as it is there; one that fails stops no other.
 * The options are those of `connect`, for all; keys are parsed, and a
 * passphrase is asked for, once. A consumer that takes no results holds back
 * the targets that have not had their turn.
 *
 * The iterator rejects with `ERR_SSH_ABORTED` when the signal is aborted, and
 * with what the source of the targets threw; both once nothing is left of the
 * connections. Leaving the loop early ends them too.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for options that would fail on every target
 * @example
 * ```ts
 * import { runOnAll } from 'deadline-ssh';
 * async function uptimes(hosts: readonly string[]): Promise<void> {
 *   const results = runOnAll(hosts, 'uptime', {
 *     username: 'ops',
 *     concurrency: 100,
 *     timeout: 10_000, // each dial
 *     run: { timeout: 5_000 }, // each command
 *   });
 *   for await (const result of results) {
 *     if (result.ok) console.log(result.target, result.code, result.stdout);
 *     else console.log(result.target, result.error.code, result.error.phase, result.elapsed);
 *   }
 * }
 * ```
 */
export const runOnAll: RunOnAll = createRunOnAll(nodePlatform);

export {
  errorCodes,
  type SftpStatus,
  SshError,
  type SshErrorCode,
  type SshErrorDetails,
  type SshErrorOrigin,
  type SshErrorPhase,
} from '../base/errors.ts';
export { defaultLimits, type Limits } from '../base/limits.ts';
export { defaultKeepAlive, defaultTimeouts, type KeepAlive, type Timeouts } from '../base/timeouts.ts';
export type { WaitName } from '../base/waits.ts';
export {
  Agent,
  type AgentAddOptions,
  type AgentConstraints,
  type AgentIdentity,
} from '../client/agent/agent.ts';
export type {
  AddToAgent,
  AuthMethod,
  CertificateInput,
  ChangePassword,
  KeyboardInteractive,
  PassphraseFunction,
  PasswordFunction,
} from '../client/authentication/methods.ts';
export type {
  CallOptions,
  ExecOptions,
  OpenStreamOptions,
  RunOptions,
  SessionOptions,
  ShellOptions,
  X11Options,
} from '../client/callOptions.ts';
export { Client } from '../client/client.ts';
export type { RunInput } from '../client/command/commandInput.ts';
export { type ExitResult, RemoteProcess } from '../client/command/remoteProcess.ts';
export type { PtyOptions } from '../client/command/requestPayloads.ts';
export type { RunResult } from '../client/command/run.ts';
export { type Command, shellQuote } from '../client/command/shellWords.ts';
export type { ConnectOptions, Hop, HopOptions } from '../client/dial/options.ts';
export type { SftpOptions } from '../client/files/sftp.ts';
export type {
  ConnectionPool,
  FleetFunction,
  FleetRunOptions,
  FleetTarget,
  RunOnAllOptions,
} from '../client/fleet/options.ts';
export {
  Pool,
  type PooledConnection,
  type PoolOptions,
  type PoolSnapshot,
  type UseContext,
} from '../client/fleet/pool.ts';
export type {
  FleetFailure,
  FleetResult,
  FleetResults,
  FleetSuccess,
  FleetTimings,
  FleetValue,
  RunOnAll,
} from '../client/fleet/runOnAll.ts';
export {
  acceptAnyHostKey,
  type BeforeHostKey,
  type HostKeyDial,
  type HostKeyInfo,
  type HostKeyPolicy,
  type HostKeyRotation,
  type HostKeyVerifier,
  type HostKeyVerifierFunction,
  type KeptHostKeys,
  type LockBounds,
  pinnedHostKey,
} from '../client/hostKeys/hostKeys.ts';
export type { NegotiatedSummary } from '../client/negotiated.ts';
export type { OpenTunnel } from '../client/tunnel/openTunnel.ts';
export type { TunnelEvent, TunnelOptions, TunnelState } from '../client/tunnel/options.ts';
export type { RetryPolicy } from '../client/tunnel/retry.ts';
export { Tunnel, type TunnelSnapshot } from '../client/tunnel/tunnel.ts';
export type { Challenge, Prompt } from '../endpoint/challenge.ts';
export type { TunnelAgent } from '../endpoint/httpAgent.ts';
export type {
  AlgorithmList,
  AlgorithmOptions,
  AlgorithmPreset,
} from '../endpoint/options/algorithmOptions.ts';
export type { WindowSize } from '../endpoint/options/windowSize.ts';
export type { PrivateKeyInput } from '../endpoint/privateKeys.ts';
export type { SocketStream } from '../endpoint/streams.ts';
export {
  Forward,
  type ForwardCloseOptions,
  type ForwardCounters,
  type ForwardedConnection,
  type ForwardOptions,
} from '../forwarding/forward.ts';
export type { SocksOptions } from '../forwarding/forwarding.ts';
export type {
  ListenPath,
  ListenPlace,
  ListenTcp,
  TargetPath,
  TargetPlace,
  TargetTcp,
} from '../forwarding/places.ts';
export type { LinkAddresses } from '../io/link.ts';
export type {
  ChannelSnapshot,
  ConnectionSnapshot,
  ForwardedConnectionSnapshot,
  ForwardSnapshot,
  SftpSnapshot,
  SnapshotOptions,
  TransferKind,
  TransferSnapshot,
  WaitSnapshot,
} from '../io/snapshots.ts';
export { type KnownHostsOptions, knownHosts, trustOnFirstUse } from '../node/knownHosts/knownHosts.ts';
export type { FileTime } from '../sftp/files/attributeCalls.ts';
export type {
  ReadResult,
  ReadVectorResult,
  SftpFile,
  WriteResult,
  WriteVectorResult,
} from '../sftp/files/content/fileHandle.ts';
export type { OpenFlag } from '../sftp/files/content/flags.ts';
export type { FileContent } from '../sftp/files/content/pieces.ts';
export type { DirectoryEntry } from '../sftp/files/entry.ts';
export type {
  CopyFileOptions,
  GlobOptions,
  MkdirOptions,
  PathOptions,
  Position,
  ReaddirOptions,
  ReadFileOptions,
  ReadOptions,
  ReadStreamOptions,
  RenameOptions,
  RmOptions,
  SpanOptions,
  StatOptions,
  WalkOptions,
  WriteFileOptions,
  WriteStreamOptions,
} from '../sftp/files/options.ts';
export type { FilesystemStats } from '../sftp/files/pathCalls.ts';
export type { RemotePath } from '../sftp/files/paths.ts';
export type { BigIntFileStats, FileStats } from '../sftp/files/stats.ts';
export type { SftpFolder } from '../sftp/files/tree/listing.ts';
export type { WalkFault } from '../sftp/files/tree/walk.ts';
export type { FileAttributes } from '../sftp/packet/attributes.ts';
export type { LocalPath } from '../sftp/seam/localFiles.ts';
export type { SftpLimits } from '../sftp/session/capabilities.ts';
export type { Sftp } from '../sftp/sftp.ts';
export type { WritableTarget } from '../sftp/transfer/get.ts';
export type {
  Preserved,
  TransferEntry,
  TransferOptions,
  TransferProgress,
} from '../sftp/transfer/options.ts';
export type { UploadSource } from '../sftp/transfer/put.ts';
export type {
  FailedEntry,
  SkippedEntry,
  TransferResult,
  TransferWarning,
} from '../sftp/transfer/result.ts';
export type { SyncStep } from '../sftp/transfer/sync/plan.ts';
export type { SyncOptions, SyncResult } from '../sftp/transfer/sync/sync.ts';
export type { RekeyPolicy } from '../transport/transport.ts';
