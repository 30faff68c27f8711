/**
 * The settings as text.
 *
 * Owns: the keywords that `ssh -G` prints, their order, and how each is written.
 * Must not know: where a setting comes from.
 * Source: `ssh -G` of OpenSSH 10.5.
 */
import { checkOptionsObject } from '../../base/optionChecks.ts';
import { type ForwardSpec, forwardPlaceText } from '../syntax/forwardSpecs.ts';
import { placeHost } from '../syntax/hosts.ts';
import { forwardAgentPath, rekeyBytes, rekeyTime } from './ownDirectives.ts';
import type { Resolution } from './resolve.ts';
import type { Settings } from './settings.ts';

/**
 * Keywords in lower case, as `ssh -G` names them. Those that it prints a line for
 * each value of have a list, all others a text.
 */
export type Keywords = Readonly<Record<string, string | readonly string[]>>;

/** Printed first, and always. */
const flags = `addressfamily batchmode canonicalizefallbacklocal canonicalizehostname checkhostip compression
controlmaster enablesshkeysign clearallforwardings exitonforwardfailure fingerprinthash forwardx11
forwardx11trusted gatewayports gssapiauthentication gssapidelegatecredentials hashknownhosts
hostbasedauthentication identitiesonly kbdinteractiveauthentication nohostauthenticationforlocalhost
passwordauthentication permitlocalcommand proxyusefdpass pubkeyauthentication requesttty sessiontype stdinnull
forkafterauthentication streamlocalbindunlink stricthostkeychecking tcpkeepalive tunnel verifyhostkeydns
visualhostkey updatehostkeys enableescapecommandline warnweakcrypto
canonicalizemaxdots connectionattempts forwardx11timeout numberofpasswordprompts serveralivecountmax
serveraliveinterval requiredrsasize obscurekeystroketiming`.split(/\s+/);

/** Printed where they are set. */
const texts = `bindaddress bindinterface ciphers controlpath hostkeyalgorithms hostkeyalias
hostbasedacceptedalgorithms identityagent ignoreunknown kbdinteractivedevices kexalgorithms
casignaturealgorithms localcommand remotecommand loglevel macs pkcs11provider securitykeyprovider
preferredauthentications pubkeyacceptedalgorithms xauthlocation knownhostscommand tag versionaddendum`.split(
  /\s+/,
);

/** The keywords of a resolution, in the order of `ssh -G`. */
export function keywordsOf({ settings, givenHost, host, user }: Resolution): Keywords {
  const entries: [string, string | readonly string[]][] = [
    ['host', givenHost],
    ['user', user],
    ['hostname', host],
    ['port', settings.value('port') ?? ''],
  ];
  const add = (keyword: string, value: string | readonly string[] | undefined): void => {
    if (value !== undefined && (typeof value === 'string' || value.length > 0))
      entries.push([keyword, value]);
  };
  const oneLine = (keyword: string): void => add(keyword, settings.list(keyword).join(' ') || 'none');
  for (const keyword of [...flags, ...texts]) add(keyword, settings.value(keyword));
  add('dynamicforward', dynamicLines(settings.localForwards));
  add('localforward', localLines(settings.localForwards));
  add('remoteforward', settings.remoteForwards.map(remoteForwardLine));
  add(
    'identityfile',
    settings.identities.map(({ path }) => path),
  );
  oneLine('canonicaldomains');
  add(
    'certificatefile',
    settings.certificates.map(({ path }) => path),
  );
  oneLine('globalknownhostsfile');
  oneLine('userknownhostsfile');
  oneLine('revokedhostkeys');
  add('sendenv', settings.sendEnv);
  add('setenv', settings.list('setenv'));
  oneLine('logverbose');
  oneLine('channeltimeout');
  add('permitremoteopen', settings.list('permitremoteopen').join(' ') || 'any');
  add('addkeystoagent', settings.value('addkeystoagent'));
  add('forwardagent', settings.value(forwardAgentPath) ?? settings.value('forwardagent'));
  add('connecttimeout', settings.value('connecttimeout') ?? 'none');
  add('tunneldevice', settings.value('tunneldevice'));
  oneLine('canonicalizepermittedcnames');
  add('controlpersist', settings.value('controlpersist'));
  add('escapechar', visible(settings.value('escapechar') ?? '~'));
  add('ipqos', settings.value('ipqos'));
  add('rekeylimit', `${settings.value(rekeyBytes)} ${settings.value(rekeyTime)}`);
  add('streamlocalbindmask', settings.value('streamlocalbindmask'));
  add('syslogfacility', settings.value('syslogfacility'));
  const jump = jumpText(settings);
  add(jump === undefined ? 'proxycommand' : 'proxyjump', jump ?? settings.value('proxycommand'));
  return Object.fromEntries(entries);
}

/** A keyword that `ssh -G` spells as no other does. */
const oddSpellings: Readonly<Record<string, string>> = {
  canonicalizepermittedcnames: 'canonicalizePermittedcnames',
};

/**
 * The text that `ssh -G` prints: a line for each value.
 *
 * @example
 * ```ts
 * import { formatKeywords, resolveHost } from 'deadline-ssh/config';
 * const { keywords } = await resolveHost('server.example', { files: [] });
 * const text: string = formatKeywords(keywords);
 * ```
 */
export function formatKeywords(keywords: Keywords): string {
  checkOptionsObject(keywords, 'formatKeywords');
  return Object.entries(keywords)
    .flatMap(([keyword, value]) =>
      (typeof value === 'string' ? [value] : value).map(
        (one) => `${oddSpellings[keyword] ?? keyword} ${one}\n`,
      ),
    )
    .join('');
}

/** OpenSSH prints a forward to a unix socket among the dynamic ones too. */
function dynamicLines(forwards: readonly ForwardSpec[]): readonly string[] {
  return forwards
    .filter(({ connect }) => connect === undefined || 'path' in connect)
    .map(({ listen }) => forwardPlaceText(listen));
}

function localLines(forwards: readonly ForwardSpec[]): readonly string[] {
  return forwards.flatMap(({ listen, connect }) =>
    connect === undefined ? [] : [`${forwardPlaceText(listen)} ${forwardPlaceText(connect)}`],
  );
}

/** One without a target is printed as if it led to a host called `socks`. */
function remoteForwardLine({ listen, connect }: ForwardSpec): string {
  return `${forwardPlaceText(listen)} ${connect === undefined ? '[socks]:0' : forwardPlaceText(connect)}`;
}

/** The hosts to jump over, as `ssh -G` writes them. */
export function jumpText(settings: Settings): string | undefined {
  const { jump } = settings;
  if (jump === undefined) return undefined;
  const { last, before } = jump;
  const user = last.user === undefined ? '' : `${last.user}@`;
  const port = last.port === undefined || last.port === 0 ? '' : `:${last.port}`;
  return `${before === undefined ? '' : `${before},`}${user}${placeHost(last.host)}${port}`;
}

/** A character of ASCII as vis(3) shows it. */
function visible(text: string): string {
  if (text === 'none') return text;
  if (text === '\\' || text === ' ') return text === ' ' ? '\\040' : '\\\\';
  if (text > ' ' && text < '\x7f') return text;
  return text === '\x7f' ? '\\^?' : `\\^${String.fromCharCode(text.charCodeAt(0) + 64)}`;
}
