/**
 * The command line of `deadline-ssh bench [options] [user@]host[:port]`.
 *
 * Owns: its options, its help, and the errors of bad ones.
 * Must not know: how any of it is carried out.
 */

import { type ParseArgsConfig, parseArgs } from 'node:util';
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { ciphers } from '../../crypto/algorithms.ts';
import type { CryptoChoice } from '../../endpoint/platform.ts';
import { parseCommandLine, parseDuration, type SshCommandLine } from '../remote/arguments.ts';
import { strictly, usageError } from '../usage.ts';

export interface BenchArguments {
  readonly mode: 'bench';
  /** What is dialled, as for a session without a command. */
  readonly dial: SshCommandLine;
  readonly ciphers: readonly string[];
  /** Bytes of each transfer. */
  readonly size: number;
  readonly crypto: CryptoChoice;
  /** Milliseconds for each measurement. */
  readonly stepTimeout: number;
  readonly json: boolean;
}

/** Those a user is likely to choose between. */
const defaultCiphers = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
];

const defaultSize = '64M';
const defaultStepTimeout = '60s';

export const benchHelp: string = `Usage: deadline-ssh bench [options] [user@]host[:port]

Measures a server and the path to it, once for each cipher: the phases of the
handshake, round trips of a ping, and a download and an upload through head, cat
and wc on the server. A figure counts only if all bytes arrived.

  -c, --cipher NAME    measure this cipher; may be repeated. The default is
                       ${defaultCiphers.slice(0, 2).join(', ')},
                       ${defaultCiphers.slice(2).join(' and ')}
  -s, --size SIZE      the size of each transfer, such as 500K, 64M or 2G
                       (default ${defaultSize})
      --crypto NAME    auto (OpenSSL where it is faster, the default), openssl
                       (for every packet) or noble
  -p, --port PORT      the port (default 22)
  -l, --login USER     the user on the server (default: the local user)
  -i, --identity FILE  a private key; may be repeated
      --timeout TIME   the time for connecting and logging in (default 30s)
      --step-timeout TIME
                       the time for each measurement (default ${defaultStepTimeout})
      --json           print one JSON object a line: {"cipher", "result"} or
                       {"cipher", "error"}
  -h, --help           print this text

If the server refuses a cipher, or stalls, only the row of that cipher fails.
Speeds are in MB/s, a million bytes a second.

Exit status: 0 if every row has figures; 255 if one has not; 130 after Ctrl-C.
`;

const options = {
  cipher: { type: 'string', short: 'c', multiple: true },
  size: { type: 'string', short: 's', default: defaultSize },
  crypto: { type: 'string', default: 'auto' },
  port: { type: 'string', short: 'p' },
  login: { type: 'string', short: 'l' },
  identity: { type: 'string', short: 'i', multiple: true },
  timeout: { type: 'string' },
  'step-timeout': { type: 'string', default: defaultStepTimeout },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

/** @throws SshError `ERR_SSH_OPTIONS` */
export function parseBenchArguments(argv: readonly string[]): BenchArguments | { readonly mode: 'help' } {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return { mode: 'help' };
  const [host, ...more] = positionals;
  if (host === undefined) throw usageError(program, 'there is no host to measure');
  if (more.length > 0)
    throw usageError(program, `bench takes one host, and ${quotedText(more[0] ?? '')} is another word`);
  return {
    mode: 'bench',
    ciphers: (values.cipher ?? defaultCiphers).map(knownCipher),
    size: parseSize(values.size),
    crypto: knownProvider(values.crypto),
    stepTimeout: parseDuration(values['step-timeout']),
    json: values.json ?? false,
    dial: dialArguments(host, values),
  };
}

/** The host is reached as a session with the same options reaches it. */
function dialArguments(
  host: string,
  { port, login, identity = [], timeout }: ReturnType<typeof parsed>['values'],
): SshCommandLine {
  const given = { port, login, timeout };
  const words = Object.entries(given).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  );
  const line = parseCommandLine([...words, ...identity.map((file) => `--identity=${file}`), '--', host]);
  if (line.mode !== 'ssh') throw usageError(program, 'there is no host to measure');
  return line;
}

function knownCipher(name: string): string {
  if (Object.hasOwn(ciphers, name)) return name;
  throw optionsError(`there is no cipher ${quotedText(name)}; there are ${Object.keys(ciphers).join(', ')}`);
}

function knownProvider(name: string): CryptoChoice {
  if (name === 'auto' || name === 'noble' || name === 'openssl') return name;
  throw optionsError(`there is no crypto provider ${quotedText(name)}; there are auto, openssl and noble`);
}

const units: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** `500K`, `64M`, `2G`, or bytes. */
function parseSize(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,12})([KMG]?)$/i.exec(text) ?? [];
  const size = Number(digits) * (units[unit.toUpperCase()] ?? 0);
  if (size >= 1 && Number.isSafeInteger(size)) return size;
  throw optionsError(`${quotedText(text)} is not a size; write 500K, 64M or 2G`);
}

const program = 'deadline-ssh bench';

function parsed(argv: readonly string[]) {
  return strictly(program, () =>
    parseArgs({ args: [...argv], options, strict: true, allowPositionals: true }),
  );
}
