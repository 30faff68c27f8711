/**
 * A list of hosts, as a person keeps it: `[user@]host[:port]`, one a line.
 *
 * Owns: the format of the list, what is wrong with its lines, and which of them
 * name the same host.
 * Must not know: where the list is, what is done on the hosts.
 *
 * What follows a `#` at the start of a line or behind white space is a comment.
 */
import { domainToASCII } from 'node:url';
import { asciiLowerCase, escapeText, quotedText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { canonicalHost } from '../../client/dial/hostName.ts';
import { parseTarget } from '../../client/dial/target.ts';
import { messageOf } from '../errorWords.ts';

/** One host of the list, with the defaults filled in. */
export interface ListedHost {
  /** As it is written there, escaped. */
  readonly label: string;
  /** In the spelling under which it is dialled. */
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Something about a line of the list. */
export interface LineRemark {
  readonly line: number;
  readonly message: string;
}

export interface HostsList {
  /** Each host once, in the order of the list. */
  readonly hosts: readonly ListedHost[];
  /** Lines that are no hosts. */
  readonly bad: readonly LineRemark[];
  /** Lines that name a host again. */
  readonly duplicates: readonly LineRemark[];
}

/** What a line leaves open. */
export interface HostDefaults {
  readonly port: number;
  readonly username: string;
}

/**
 * Reads a list. The same user, host and port are the same host, whatever the
 * case and the spelling of its name; the first line counts.
 */
export function parseHostsList(text: string, defaults: HostDefaults): HostsList {
  const hosts = new Map<string, ListedHost>();
  const bad: LineRemark[] = [];
  const duplicates: LineRemark[] = [];
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const content = raw.replace(/(^|\s)#.*$/, '').trim();
    if (content === '') continue;
    const line = index + 1;
    try {
      const listed = parseLine(content, line, defaults);
      const key = JSON.stringify([listed.username, asciiLowerCase(listed.host), listed.port]);
      const first = hosts.get(key);
      if (first === undefined) hosts.set(key, listed);
      else duplicates.push({ line, message: `${listed.label} is the host of line ${first.line} again` });
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      bad.push({ line, message: messageOf(error) });
    }
  }
  return { hosts: [...hosts.values()], bad, duplicates };
}

function parseLine(content: string, line: number, defaults: HostDefaults): ListedHost {
  if (/\s/.test(content)) {
    throw optionsError(`${quotedText(content)} is more than one word; a line names one host`);
  }
  const { host, port, username } = parseTarget(content);
  return {
    label: escapeText(content, 300),
    host: canonicalHost(host, domainToASCII),
    port: port ?? defaults.port,
    username: username ?? defaults.username,
    line,
  };
}
