/**
 * The tests of OpenSSH's suite.
 *
 * Owns: which program each is about, which are quick, and what is known of those
 * that are about something this client leaves out on purpose.
 * Must not know: how a test runs, what came of it.
 */

/** By the program that takes the place of OpenSSH's; `none` are those about sshd, ssh-agent and their kin alone. */
const byProgram = {
  ssh: [
    ...['agent', 'agent-restrict', 'allow-deny-users', 'authinfo', 'banner', 'broken-pipe', 'brokenkeys'],
    ...['cert-file', 'cert-hostkey', 'cert-userkey', 'cfginclude', 'cfgmatch', 'cfgmatchlisten'],
    ...['channel-timeout', 'connect', 'connect-privsep', 'connect-uri', 'connection-timeout', 'dhgex'],
    ...['dynamic-forward', 'envpass', 'exit-status', 'exit-status-signal', 'forcecommand', 'forward-control'],
    ...['forwarding', 'host-expand', 'hostbased', 'hostkey-agent', 'hostkey-rotate', 'integrity', 'kextype'],
    ...['key-options', 'keys-command', 'keytype', 'knownhosts', 'knownhosts-command', 'limit-keytype'],
    ...['localcommand', 'login-timeout', 'multiplex', 'multipubkey', 'percent', 'portnum'],
    ...['principals-command', 'proxy-connect', 'reconfigure', 'reexec', 'rekey', 'sshcfgparse'],
    ...['sshfp-connect', 'stderr-after-eof', 'stderr-data', 'transfer', 'try-ciphers', 'yes-head'],
  ],
  sftp: [
    ...['sftp', 'sftp-badcmds', 'sftp-batch', 'sftp-chroot', 'sftp-cmds', 'sftp-glob', 'sftp-perm'],
    'sftp-uri',
  ],
  scp: ['scp', 'scp3', 'scp-uri'],
  keyscan: ['keyscan'],
  keygen: [
    ...['keygen-change', 'keygen-comment', 'keygen-convert', 'keygen-knownhosts', 'keygen-moduli'],
    ...['keygen-sshfp', 'krl', 'sshsig'],
    ...['t1', 't2', 't3', 't4', 't5', 't6', 't7', 't8', 't9', 't10', 't11', 't12'],
  ],
  none: [
    ...['addrmatch', 'agent-getpeereid', 'agent-pkcs11', 'agent-ptrace', 'agent-subprocess'],
    ...['agent-timeout', 'cfgparse', 'proto-mismatch', 'proto-version', 'servcfginclude'],
    ...['putty-transfer', 'putty-ciphers', 'putty-kex', 'conch-ciphers'],
  ],
};

/** Why a test cannot pass: what it is about is left out on purpose. */
const reasons = {
  'cert-hostkey':
    'a host certificate that names nobody is refused, as OpenSSH does since 10.3; all else in it passes',
  hostbased: 'host-based authentication is left out',
  'keygen-moduli': 'moduli are not made or tested',
  krl: 'key revocation lists are not made',
  t6: 'DSA is left out',
  t8: 'DSA is left out',
};

/** Every test with the program it is about, and why it cannot pass where that is so. */
export const tests = Object.entries(byProgram).flatMap(([program, names]) =>
  names.map((name) => ({ name, program, why: reasons[name] })),
);

/** Those that end within seconds, for CI. */
export const quick = new Set([
  ...['authinfo', 'broken-pipe', 'brokenkeys', 'cfginclude', 'connect', 'connect-uri', 'envpass'],
  ...['exit-status-signal', 'forcecommand', 'host-expand', 'knownhosts', 'localcommand', 'portnum'],
  ...['proxy-connect', 'sshcfgparse', 'stderr-after-eof', 'stderr-data', 'transfer', 'yes-head'],
  ...['keyscan', 'keygen-convert'],
]);
