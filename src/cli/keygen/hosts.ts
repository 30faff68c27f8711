/**
 * The lines of known_hosts for a host: found, removed, hidden.
 *
 * Owns: which lines are meant, and what is printed; the words are those of ssh-keygen.
 * Must not know: how the file is changed safely (`node/`).
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asciiLowerCase, latin1Decode } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { decodePublicKey } from '../../crypto/keys/publicKey.ts';
import { fingerprint } from '../../keys/fingerprint.ts';
import { hashedNameLength, hashSpelling } from '../../keys/knownHosts/hashedNames.ts';
import { byteForm, hostMatcher, plainNames } from '../../keys/knownHosts/hostPattern.ts';
import { KnownHosts, type KnownHostsEntry } from '../../keys/knownHosts/knownHosts.ts';
import { base64Decode, base64Encode } from '../../keys/pem/base64.ts';
import { splitLines } from '../../keys/textLines.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { homeFolder } from '../../node/homeFolder.ts';
import { changeKnownHosts, NotWrittenError } from '../../node/knownHosts/knownHostsFile.ts';
import { messageOf } from '../errorWords.ts';
import type { KeygenContext } from './context.ts';
import { fingerprintHash, shortName } from './fingerprints.ts';
import { readKeyFile } from './keyFiles.ts';
import type { KeygenArguments } from './keygenArguments.ts';

/** `-F` */
export async function findHost(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const name = args.needed('F', 'a host');
  const { lines, known } = await readHosts(fileOf(args));
  const found = known.entries.filter((entry) => isFor(entry, name));
  for (const entry of found) {
    if (!args.quiet) context.print(`${heading(name, entry)}\n`);
    const line = lines[entry.line - 1] ?? '';
    if (args.has('l')) context.print(`${fingerprintLine(name, entry, args)}\n`);
    else for (const shown of args.has('H') ? hidden(entry, line) : [line]) context.print(`${shown}\n`);
  }
  return found.length > 0 ? 0 : 1;
}

/** `-R` */
export async function removeHost(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const name = args.needed('R', 'a host');
  const path = fileOf(args);
  const { known } = await readHosts(path);
  refuseMalformed(path, known);
  const gone = known.entries.filter((entry) => entry.marker === undefined && isFor(entry, name));
  for (const entry of gone) if (!args.quiet) context.print(`${heading(name, entry)}\n`);
  if (gone.length === 0) {
    context.messages.block(`Host ${name} not found in ${path}`);
    return 0;
  }
  await changed(path, async (now) => ({
    added: [],
    removed: new Set(
      now.entries.filter((entry) => entry.marker === undefined && isFor(entry, name)).map(({ line }) => line),
    ),
  }));
  if (!args.quiet) context.print(`${path} updated.\nOriginal contents retained as ${path}.old\n`);
  return 0;
}

/** `-H` */
export async function hashHosts(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const path = fileOf(args);
  const { lines, known } = await readHosts(path);
  refuseMalformed(path, known);
  const open = known.entries.filter((entry) => hidesNothing(entry));
  for (const { line } of open.filter((entry) => plainNames(byteForm(entry.hosts)) === undefined)) {
    context.messages.say(`${path}:${line}: a pattern cannot be hidden, and is left as it is`);
  }
  const replaced = new Map(
    open
      .filter((entry) => plainNames(byteForm(entry.hosts)) !== undefined)
      .map((entry) => [entry.line, hidden(entry, lines[entry.line - 1] ?? '')]),
  );
  if (replaced.size === 0) return 0;
  await changed(path, async (now) => {
    if (now.entries.length !== known.entries.length)
      throw new NotWrittenError('another program has changed it');
    return { added: [], replaced };
  });
  if (!args.quiet) {
    context.print(`${path} updated.\nOriginal contents retained as ${path}.old\n`);
    context.messages.say(`${path}.old still has the names of the hosts; delete it to keep them hidden`);
  }
  return 0;
}

function fileOf(args: KeygenArguments): string {
  const given = args.value('f');
  if (given !== undefined) return given;
  const home = homeFolder();
  if (home === undefined)
    throw optionsError('there is no home folder with a known_hosts file; name one with -f');
  return join(home, '.ssh', 'known_hosts');
}

async function readHosts(
  path: string,
): Promise<{ readonly lines: readonly string[]; readonly known: KnownHosts }> {
  const bytes = await readKeyFile(path);
  return { lines: splitLines(latin1Decode(bytes)), known: KnownHosts.parse(bytes, path) };
}

/** What cannot be read might be about the host; a file with such a line is not changed. */
function refuseMalformed(path: string, { malformed }: KnownHosts): void {
  const [first] = malformed;
  if (first === undefined) return;
  throw optionsError(
    `${path}:${first.line}: ${first.reason}; the file is left as it is until that line is mended`,
  );
}

/** The file as it was stays beside it. */
async function changed(path: string, decide: Parameters<typeof changeKnownHosts>[1]): Promise<void> {
  try {
    await copyFile(path, `${path}.old`);
    const { remains } = await changeKnownHosts(path, decide);
    if (remains !== undefined) throw new NotWrittenError(remains);
  } catch (error) {
    throw optionsError(`${path} is left as it is: ${messageOf(error)}`);
  }
}

function isFor({ hosts }: KnownHostsEntry, name: string): boolean {
  const spelling = asciiLowerCase(byteForm(name));
  if (!hosts.startsWith('|')) return hostMatcher(byteForm(hosts))(spelling);
  const salt = base64Decode(hosts.split('|')[2] ?? '');
  return salt !== undefined && salt.length === hashedNameLength && hashSpelling(spelling, salt) === hosts;
}

function hidesNothing({ hosts, marker }: KnownHostsEntry): boolean {
  return marker === undefined && !hosts.startsWith('|');
}

function heading(name: string, { line, marker }: KnownHostsEntry): string {
  const mark = { certAuthority: 'CA', revoked: 'REVOKED', none: '' }[marker ?? 'none'];
  return `# Host ${name} found: line ${line} ${mark}`;
}

/** A line for each of its names; as it is where a name is a pattern, has a marker or is hidden already. */
function hidden(entry: KnownHostsEntry, line: string): string[] {
  const names = plainNames(byteForm(entry.hosts));
  if (!hidesNothing(entry) || names === undefined) return [line];
  const comment = entry.comment === '' ? '' : ` ${entry.comment}`;
  return names.map(
    (name) =>
      `${hashSpelling(name, systemRandomBytes(hashedNameLength))} ${entry.keyType} ${base64Encode(entry.blob)}${comment}`,
  );
}

function fingerprintLine(
  name: string,
  { blob, comment, keyType }: KnownHostsEntry,
  args: KeygenArguments,
): string {
  const behind = comment === '' ? '' : ` ${comment}`;
  return `${name} ${typeName(blob, keyType)} ${fingerprint(blob, fingerprintHash(args))}${behind}`;
}

function typeName(blob: Uint8Array, keyType: string): string {
  try {
    return shortName(decodePublicKey(blob, { rsaMinimumBits: 1, rsaMaximumBits: 16_384 }));
  } catch {
    return keyType;
  }
}
