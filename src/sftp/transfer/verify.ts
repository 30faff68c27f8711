/**
 * Checking a file by its hash.
 *
 * Owns: SHA-256 of a file on the server: by a command where one can run, else by reading the
 * file again.
 * Must not know: how files are transferred.
 */
import { escapeText } from '../../base/bytes.ts';
import { FileReader } from '../data/reader.ts';
import { OpenFile } from '../files/content/openFile.ts';
import { sizeOf } from '../files/content/whole.ts';
import { realPath } from '../files/nameCalls.ts';
import { pathText } from '../files/paths.ts';
import { openFlags } from '../packet/numbers.ts';
import { transferError } from './errors.ts';
import type { Transfer } from './transfer.ts';

/** What servers have to compute SHA-256 with; each prints the hash first. */
const programs: readonly string[] = ['sha256sum', 'shasum -a 256', 'sha256 -q', 'openssl dgst -sha256 -r'];

/**
 * @param shownAs what the errors of the requests name in place of `remote`
 * @throws SshError `ERR_SSH_TRANSFER` where the file on the server has another hash
 */
export async function verifySha256(
  transfer: Transfer,
  remote: Uint8Array,
  path: string,
  expected: string,
  shownAs: Uint8Array = remote,
): Promise<void> {
  const found = await remoteSha256(transfer, remote, path, shownAs);
  if (found === expected) return;
  throw transferError(
    `"${escapeText(path)}" has the SHA-256 ${found} on the server and ${expected} here: it did not arrive as it is`,
    path,
    { origin: 'peer' },
  );
}

/** SHA-256 of a file on the server, in hex. */
export async function remoteSha256(
  transfer: Transfer,
  remote: Uint8Array,
  path: string,
  shownAs: Uint8Array = remote,
): Promise<string> {
  const byCommand = await commandSha256(transfer, remote, shownAs);
  if (byCommand !== undefined) return byCommand;
  transfer.counts.warn(path, 'no command computes SHA-256 on the server: the file was read again');
  return readSha256(transfer, remote, shownAs);
}

/** Undefined where no command can run, or none is there. */
async function commandSha256(
  transfer: Transfer,
  remote: Uint8Array,
  shownAs: Uint8Array,
): Promise<string | undefined> {
  const { session, platform, errand } = transfer;
  const { run } = platform;
  if (run === undefined || session.capabilities.runsNoCommands) return undefined;
  const absolute = pathText(await realPath(session, remote, errand, shownAs));
  // A command line is text: what is not UTF-8 cannot be named in it.
  if (absolute.includes('\ufffd')) return undefined;
  const file = `'${absolute.replaceAll("'", `'\\''`)}'`;
  const line = programs.map((program) => `${program} < ${file} 2>/dev/null`).join(' || ');
  const aborter = new AbortController();
  errand.onCancel((error) => aborter.abort(error));
  try {
    const { stdout } = await run(line, aborter.signal);
    const hash = /^\\?([0-9a-f]{64})\b/i.exec(stdout)?.[1];
    if (hash !== undefined) return hash.toLowerCase();
  } catch (error) {
    transfer.check();
    if (session.link.cause !== undefined) throw error;
  }
  session.capabilities.runsNoCommands = true;
  return undefined;
}

async function readSha256(transfer: Transfer, remote: Uint8Array, shownAs: Uint8Array): Promise<string> {
  const { session, errand, budget, local } = transfer;
  const file = await OpenFile.openInTurn(
    session,
    remote,
    openFlags.read,
    {},
    {
      errand,
      isOneOfMany: true,
      shownAs,
    },
  );
  const hash = local.createSha256();
  try {
    const reader = new FileReader({
      session,
      handle: file.handle,
      operation: file.operation('read'),
      start: 0,
      end: Number.POSITIVE_INFINITY,
      size: sizeOf((await file.attributes(errand)).size),
      errand,
      budget,
    });
    try {
      for (let answer = await reader.next(); answer !== undefined; answer = await reader.next()) {
        for (const piece of answer.pieces) hash.update(piece);
      }
    } finally {
      reader.abandon();
    }
  } finally {
    file.closeQuietly();
  }
  return hash.hex();
}
