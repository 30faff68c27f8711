/**
 * What options are called elsewhere.
 *
 * Owns: the names that people bring from ssh2, node-ssh, ssh2-sftp-client,
 * `node:child_process` and OpenSSH, each with its counterpart here, so that a
 * refusal says what to write.
 * Must not know: what an option does.
 */
import type { OtherName, OtherNames } from '../../base/optionChecks.ts';

const noRetries: OtherName = { note: 'a call dials once; call it again where it failed' };
const hostbased: OtherName = { note: 'host-based authentication is not supported' };

/** Of `connect`. */
export const connectNames: OtherNames = {
  // ssh2
  readyTimeout: { use: 'timeout', note: 'milliseconds for the whole dial' },
  sock: { use: 'stream' },
  hostVerifier: { use: 'verifyHostKey', note: 'a function that is given the key, and answers true' },
  hostHash: { use: 'verifyHostKey', note: 'it is given the fingerprint' },
  keepaliveInterval: { use: 'keepAlive', note: '{ interval } in milliseconds' },
  keepaliveCountMax: { use: 'keepAlive', note: '{ maxMissed }' },
  tryKeyboard: { use: 'keyboardInteractive', note: 'a function that answers the prompts' },
  authHandler: { use: 'auth', note: 'a list of methods, in order' },
  agentForward: { note: 'forwardAgent of run, exec and shell gives the agent to that one command' },
  allowAgentFwd: { note: 'forwardAgent of run, exec and shell gives the agent to that one command' },
  forceIPv4: { use: 'family', note: '4' },
  forceIPv6: { use: 'family', note: '6' },
  hostname: { use: 'host' },
  user: { use: 'username' },
  debug: { use: 'onDebug' },
  ident: { use: 'softwareVersion' },
  localPort: { note: 'the system chooses the local port' },
  localHostname: hostbased,
  localUsername: hostbased,
  strictVendor: { note: 'what a server does otherwise is known by its version' },
  compress: { use: 'algorithms', note: "{ compression: { prepend: ['zlib@openssh.com'] } }" },
  noDelay: { note: 'TCP_NODELAY is set on every connection' },
  // node-ssh
  privateKeyPath: { use: 'privateKey', note: 'the text or bytes of the file: readFileSync(path)' },
  onKeyboardInteractive: { use: 'keyboardInteractive' },
  // ssh2-sftp-client
  retries: noRetries,
  retry_factor: noRetries,
  retry_minTimeout: noRetries,
  retry_delay: noRetries,
  promiseLimit: { note: 'connections of a runOnAll at once are its concurrency' },
  // OpenSSH
  identityFile: { use: 'privateKey', note: 'the text or bytes of the file: readFileSync(path)' },
  connectTimeout: { use: 'timeouts', note: '{ connect } bounds TCP, timeout the whole dial' },
  serverAliveInterval: { use: 'keepAlive', note: '{ interval } in milliseconds' },
  serverAliveCountMax: { use: 'keepAlive', note: '{ maxMissed }' },
  strictHostKeyChecking: { use: 'verifyHostKey' },
  userKnownHostsFile: { use: 'verifyHostKey', note: 'knownHosts(path)' },
  proxyJump: { use: 'via', note: "the hops as a list: ['user@bastion', 'inner:2222']" },
  bindAddress: { use: 'localAddress' },
  forwardAgent: { note: 'it is an option of run, exec and shell: the agent is given to that one command' },
  // Of commands, here as elsewhere
  cwd: { note: 'it is an option of run and exec' },
  env: { note: 'it is an option of run, exec and shell' },
  pty: { note: 'it is an option of run, exec and shell' },
};

/** Of `algorithms`. */
export const algorithmNames: OtherNames = {
  serverHostKey: { use: 'hostKey' },
  hmac: { use: 'mac' },
  compress: { use: 'compression' },
  kexAlgorithms: { use: 'kex' },
  hostKeyAlgorithms: { use: 'hostKey' },
};

/** Of a terminal. */
export const ptyNames: OtherNames = {
  cols: { use: 'columns' },
  width: { use: 'widthPixels' },
  height: { use: 'heightPixels' },
  terminal: { use: 'term' },
};

/** Of every command. */
const commandNames: OtherNames = {
  // ssh2
  agentForward: { use: 'forwardAgent' },
  allowHalfOpen: { note: 'each direction of a command ends by itself' },
  // node-ssh
  execOptions: { note: 'they stand beside the other options here' },
  noTrim: { note: 'output is never trimmed' },
  onChannel: { note: 'exec gives the streams of the process' },
  // child_process
  abortSignal: { use: 'signal' },
  cancelSignal: { use: 'signal' },
  killSignal: { note: 'a command that is given up is sent TERM, and its channel is closed' },
  stdio: { note: 'exec gives the streams of the process' },
  args: { note: "give the command and its arguments as one array: ['tar', '-x', file]" },
  shell: { note: "the server's shell runs the command; an array of words is quoted for it" },
  // Of the connection
  host: { note: 'it is an option of connect' },
  username: { note: 'it is an option of connect' },
  readyTimeout: { use: 'timeout', note: 'milliseconds for the whole command' },
};

/** Of `run`. */
export const runNames: OtherNames = {
  ...commandNames,
  stdin: { use: 'input' },
  stream: { note: 'the result has both stdout and stderr' },
  onData: { use: 'onStdout' },
};

const ofRun: OtherName = { note: 'it is an option of run; exec gives the streams of the process' };

/** Of `exec`. */
export const execNames: OtherNames = {
  ...commandNames,
  stdin: { note: 'write to the stdin of the process' },
  input: { note: 'it is an option of run; write to the stdin of the process' },
  encoding: ofRun,
  maxBuffer: ofRun,
  onStdout: ofRun,
  onStderr: ofRun,
  stream: ofRun,
};

const homeFolder: OtherName = { note: "it starts in the user's home folder; write cd to its stdin" };

/** Of `shell`. */
export const shellNames: OtherNames = {
  ...ptyNames,
  cwd: homeFolder,
  agentForward: { use: 'forwardAgent' },
  window: { note: 'columns, rows and term stand beside the other options' },
  input: { note: 'write to the stdin of the shell' },
  encoding: ofRun,
  maxBuffer: ofRun,
  onStdout: ofRun,
  onStderr: ofRun,
};

const noProcess: OtherName = { note: 'it is an option of run, exec and shell' };

/** Of calls that start no command. */
export const callNames: OtherNames = {
  abortSignal: { use: 'signal' },
  readyTimeout: { use: 'timeout' },
  cwd: { note: 'it is an option of run and exec' },
  env: noProcess,
  pty: noProcess,
  forwardAgent: noProcess,
};

const ofItsRun: OtherName = { use: 'run', note: 'it stands in there, with the other options of the command' };

const hosts: OtherName = { note: 'hosts are the targets' };
const oneTarget: OtherName = { note: 'a stream is for one target: { stream }' };
const ofOneTarget: OtherName = { note: 'a target may be options of its own, with its own functions' };

/** Of `runOnAll`. */
export const fleetNames: OtherNames = {
  ...connectNames,
  cwd: ofItsRun,
  env: ofItsRun,
  pty: ofItsRun,
  input: ofItsRun,
  encoding: ofItsRun,
  maxBuffer: ofItsRun,
  forwardAgent: ofItsRun,
  parallel: { use: 'concurrency' },
  limit: { use: 'concurrency' },
  promiseLimit: { use: 'concurrency' },
  host: hosts,
  hostname: hosts,
  stream: oneTarget,
  sock: oneTarget,
  onBanner: ofOneTarget,
  onDebug: ofOneTarget,
  debug: ofOneTarget,
};

const ofAll: OtherName = { note: 'signal stands beside run: it ends everything' };
const ofResult: OtherName = { note: 'each result has the output of its target' };

/** Of the command of a `runOnAll`. */
export const fleetRunNames: OtherNames = {
  ...runNames,
  signal: ofAll,
  abortSignal: ofAll,
  cancelSignal: ofAll,
  onStdout: ofResult,
  onStderr: ofResult,
  onData: ofResult,
};

const inAuthentication: OtherName = { use: 'authentication', note: 'it stands in there' };
const ofHandlers: OtherName = {
  note: 'what a server serves are its functions: exec, shell, subsystems, openTcp',
};

/** Of `createServer`. */
export const serverNames: OtherNames = {
  // ssh2
  hostKey: { use: 'hostKeys' },
  ident: { use: 'softwareVersion' },
  greeting: { note: 'lines before the version are not sent; banner is shown before authentication' },
  debug: { use: 'onDebug' },
  keepaliveInterval: { use: 'keepAlive', note: '{ interval } in milliseconds' },
  keepaliveCountMax: { use: 'keepAlive', note: '{ maxMissed }' },
  highWaterMark: { use: 'limits', note: '{ windowSize }' },
  // The address
  port: { note: 'it is an argument of listen' },
  host: { note: 'it is an argument of listen' },
  // OpenSSH
  loginGraceTime: { use: 'loginTimeout', note: 'in milliseconds' },
  clientAliveInterval: { use: 'keepAlive', note: '{ interval } in milliseconds' },
  clientAliveCountMax: { use: 'keepAlive', note: '{ maxMissed }' },
  maxAuthTries: { use: 'limits', note: '{ authenticationAttempts }' },
  // In the wrong place
  password: inAuthentication,
  publicKey: inAuthentication,
  none: inAuthentication,
  keyboardInteractive: inAuthentication,
  command: ofHandlers,
  subsystem: { use: 'subsystems' },
};
