/**
 * The name of the host, as it is dialled.
 *
 * Owns: Hostname, numeric addresses in their one spelling, CanonicalDomains and
 * the rest of that family.
 * Must not know: who looks a name up.
 * Source: ssh_config(5), CanonicalizeHostname.
 */
import { canonicalAddress } from '../../base/addresses.ts';
import { quotedText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { domainFault, looksLikeAddress } from '../syntax/hosts.ts';
import { lowerCase, matchList } from '../syntax/patterns.ts';
import { type Asking, ask, type LookupAnswer } from './facts.ts';
import type { Settings } from './settings.ts';

/** Whether a name is an address; those keep their case, and get their one spelling. */
export function isAddress(name: string): boolean {
  return looksLikeAddress(name) || canonicalAddress(name) !== undefined;
}

/** Whether a proxy is on the way, which looks names up itself. */
export function isDirect(settings: Settings): boolean {
  return isNone(settings.value('proxycommand')) && isNone(settings.jump?.last.host);
}

export function isNone(value: string | undefined): boolean {
  return value === undefined || lowerCase(value) === 'none';
}

/**
 * The canonical name of a host; the same where there is none.
 *
 * @throws SshError `ERR_SSH_CONNECT` for a name that leads nowhere, where the configuration says that it has to
 */
export function* canonicalName(name: string, settings: Settings): Asking<string> {
  const wanted = settings.value('canonicalizehostname') ?? 'false';
  const direct = isDirect(settings);
  const mayAsk = direct || wanted === 'always';
  let found: string | undefined;
  if (isAddress(name)) {
    const address = canonicalAddress(name);
    if (address !== undefined && fitsFamily(address, settings)) return sameBesideCase(address, name);
  } else if (wanted !== 'false' && mayAsk) {
    found = yield* byDomains(name, settings);
  }
  if (found !== undefined) return found;
  if (!hasCnameRules(settings) || !mayAsk) return name;
  // Also without canonicalization a name may stand for another, which rules say.
  const answer = yield* lookUp(name, settings);
  if (answer !== undefined) return followed(name, answer, settings);
  if (direct) throw notFound(name);
  return name;
}

function sameBesideCase(address: string, name: string): string {
  return lowerCase(address) === lowerCase(name) ? name : address;
}

/** A name in one of the domains; undefined where it is in none, or has enough dots to stand for itself. */
function* byDomains(name: string, settings: Settings): Asking<string | undefined> {
  const candidates = candidatesOf(name, settings);
  if (candidates === undefined) return undefined;
  for (const candidate of candidates) {
    const answer = yield* lookUp(candidate, settings);
    if (answer !== undefined) return followed(candidate.slice(0, -1), answer, settings);
  }
  if (settings.value('canonicalizefallbacklocal') === 'no') throw notFound(name);
  return undefined;
}

/** Names with a dot at their end, which is where they end. */
function candidatesOf(name: string, settings: Settings): readonly string[] | undefined {
  if (name.endsWith('.')) return [name];
  const dots = name.split('.').length - 1;
  if (dots > Number(settings.value('canonicalizemaxdots') ?? 1)) return undefined;
  const domains = settings.list('canonicaldomains');
  const end = domains.findIndex((domain) => isNone(domain));
  return (end < 0 ? domains : domains.slice(0, end)).map((domain) => `${name}.${domain}.`);
}

function* lookUp(name: string, settings: Settings): Asking<LookupAnswer> {
  return yield* ask({ kind: 'lookup', name, family: familyOf(settings) });
}

/** The name that a name stands for, where a rule allows it. */
function followed(name: string, answer: LookupAnswer, settings: Settings): string {
  const target = answer?.canonicalName?.replace(/\.$/, '');
  if (target === undefined || target === name || domainFault(target) !== undefined) return name;
  if (!hasCnameRules(settings) || isNoCanonicalizing(settings)) return name;
  const allowed = settings.list('canonicalizepermittedcnames').some((rule) => {
    const colon = rule.indexOf(':');
    const [sources, targets] = [rule.slice(0, colon), rule.slice(colon + 1)].map(lowerCase);
    return matchList(name, sources ?? '') === 'matched' && matchList(target, targets ?? '') === 'matched';
  });
  return allowed ? lowerCase(target) : name;
}

function isNoCanonicalizing(settings: Settings): boolean {
  const wanted = settings.value('canonicalizehostname') ?? 'false';
  return wanted === 'false' || (!isDirect(settings) && wanted !== 'always');
}

function hasCnameRules(settings: Settings): boolean {
  const rules = settings.list('canonicalizepermittedcnames');
  return rules.length > 0 && !isNoCnames(rules);
}

/** `none` is kept as a rule without a target. */
export function isNoCnames(rules: readonly string[]): boolean {
  return rules.length === 1 && lowerCase(rules[0] ?? '') === 'none:';
}

export function familyOf(settings: Settings): 4 | 6 | undefined {
  const family = settings.value('addressfamily');
  return family === 'inet' ? 4 : family === 'inet6' ? 6 : undefined;
}

function fitsFamily(address: string, settings: Settings): boolean {
  const family = familyOf(settings);
  return family === undefined || (family === 6) === address.includes(':');
}

function notFound(name: string): SshError {
  return new SshError('ERR_SSH_CONNECT', `the name ${quotedText(name)} leads to no address`, {
    phase: 'connect',
    origin: 'network',
    host: name,
    hint: 'check CanonicalDomains, or the network',
  });
}
