/**
 * What holds where nothing is said.
 *
 * Owns: the default of every keyword, those that depend on others, and that
 * `none` takes a setting back.
 * Must not know: files, tokens.
 * Source: ssh_config(5) of OpenSSH 10.5.
 */
import { assembleNames } from '../syntax/nameLists.ts';
import { lowerCase } from '../syntax/patterns.ts';
import { isNoCnames, isNone } from './canonical.ts';
import type { NameKind } from './keywords.ts';
import type { OpenSsh } from './openssh.ts';
import { rekeyBytes, rekeyTime } from './ownDirectives.ts';
import { commandLine, problemAt } from './problems.ts';
import type { Settings } from './settings.ts';

const defaults: Readonly<Record<string, string>> = {
  addkeystoagent: 'false',
  addressfamily: 'any',
  batchmode: 'no',
  canonicalizefallbacklocal: 'yes',
  canonicalizehostname: 'false',
  canonicalizemaxdots: '1',
  checkhostip: 'no',
  compression: 'no',
  connectionattempts: '1',
  controlmaster: 'false',
  controlpersist: 'no',
  enableescapecommandline: 'no',
  enablesshkeysign: 'no',
  escapechar: '~',
  fingerprinthash: 'SHA256',
  forkafterauthentication: 'no',
  forwardagent: 'no',
  forwardx11: 'no',
  forwardx11timeout: '1200',
  forwardx11trusted: 'no',
  gatewayports: 'no',
  gssapiauthentication: 'no',
  gssapidelegatecredentials: 'no',
  hashknownhosts: 'no',
  hostbasedauthentication: 'no',
  identitiesonly: 'no',
  kbdinteractiveauthentication: 'yes',
  loglevel: 'INFO',
  nohostauthenticationforlocalhost: 'no',
  numberofpasswordprompts: '3',
  obscurekeystroketiming: 'yes',
  passwordauthentication: 'yes',
  permitlocalcommand: 'no',
  proxyusefdpass: 'no',
  pubkeyauthentication: 'true',
  [rekeyBytes]: '0',
  [rekeyTime]: '0',
  requesttty: 'auto',
  requiredrsasize: '1024',
  securitykeyprovider: 'internal',
  serveralivecountmax: '3',
  serveraliveinterval: '0',
  sessiontype: 'default',
  stdinnull: 'no',
  streamlocalbindmask: '0177',
  streamlocalbindunlink: 'no',
  stricthostkeychecking: 'ask',
  syslogfacility: 'USER',
  tcpkeepalive: 'yes',
  tunnel: 'false',
  tunneldevice: 'any:any',
  verifyhostkeydns: 'false',
  visualhostkey: 'no',
  warnweakcrypto: 'yes',
};

const globalKnownHosts = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
const userKnownHosts = ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'];

/** Lists of algorithms, and what each is made of. */
const nameLists: readonly (readonly [keyword: string, kind: NameKind])[] = [
  ['ciphers', 'ciphers'],
  ['macs', 'macs'],
  ['kexalgorithms', 'kex'],
  ['hostbasedacceptedalgorithms', 'keys'],
  ['pubkeyacceptedalgorithms', 'keys'],
  ['casignaturealgorithms', 'signatures'],
  ['hostkeyalgorithms', 'keys'],
];

/** The keyword under which a list of algorithms is kept as it was written. */
export function writtenList(keyword: string): string {
  return `${keyword} as written`;
}

/** Fills what is not set. @throws SshError `ERR_SSH_CONFIG` for a list of algorithms that comes to nothing */
export function fillDefaults(settings: Settings, openSsh: OpenSsh, isForwardOnly: boolean): void {
  const alone = isForwardOnly ? 'yes' : 'no';
  settings.offer('exitonforwardfailure', alone);
  settings.offer('clearallforwardings', alone);
  if (settings.value('clearallforwardings') === 'yes') {
    settings.clearForwards();
    settings.replace('tunnel', 'false');
  }
  if (settings.identities.length === 0) {
    for (const path of openSsh.defaults.identityFiles)
      settings.addFile('identities', { path, isNamed: false });
  }
  settings.offerList('globalknownhostsfile', globalKnownHosts);
  settings.offer('updatehostkeys', followsHostKeys(settings) ? 'true' : 'false');
  settings.offerList('userknownhostsfile', userKnownHosts);
  settings.offer('xauthlocation', openSsh.defaults.xauthLocation);
  settings.offer('ipqos', openSsh.defaults.serviceClasses);
  const values = { ...defaults, ...openSsh.defaults.others };
  for (const [keyword, value] of Object.entries(values)) settings.offer(keyword, value);
  for (const [keyword, kind] of nameLists) fillNames(settings, keyword, kind, openSsh);
  takeBack(settings);
}

/** Only a known_hosts file of the usual place is changed unasked. */
function followsHostKeys(settings: Settings): boolean {
  const files = settings.list('userknownhostsfile');
  const isUsual = files.length === 0 || (files.length === 1 && files[0] === userKnownHosts[0]);
  return (settings.value('verifyhostkeydns') ?? 'false') === 'false' && isUsual;
}

function fillNames(settings: Settings, keyword: string, kind: NameKind, openSsh: OpenSsh): void {
  const written = settings.value(keyword);
  const signatures = openSsh.keys.filter((name) => !name.includes('-cert-v01@'));
  const all = kind === 'signatures' ? signatures : openSsh[kind];
  const names = assembleNames(written, openSsh.defaults[kind], all);
  if (names === undefined) {
    throw problemAt(
      settings.origin(keyword) ?? { file: commandLine, line: 0 },
      `${keyword} comes to no algorithm`,
    );
  }
  if (written !== undefined) settings.offer(writtenList(keyword), written);
  settings.replace(keyword, names.join(','));
}

const takenBack = [
  'localcommand',
  'remotecommand',
  'proxycommand',
  'controlpath',
  'pkcs11provider',
  'securitykeyprovider',
  'knownhostscommand',
];

function takeBack(settings: Settings): void {
  for (const keyword of takenBack) if (isNone(settings.value(keyword))) settings.remove(keyword);
  for (const keyword of ['channeltimeout', 'revokedhostkeys']) {
    const list = settings.list(keyword);
    if (list.length === 1 && isNone(list[0])) settings.remove(keyword);
  }
  if (isNoCnames(settings.list('canonicalizepermittedcnames')))
    settings.remove('canonicalizepermittedcnames');
  const { jump } = settings;
  // `none` in capitals was a host once; it is none either.
  if (jump !== undefined && lowerCase(jump.last.host) === 'none' && jump.last.port === 0)
    settings.jump = undefined;
}
