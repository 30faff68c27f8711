/**
 * `deadline-ssh keyscan`: the host keys of many hosts.
 *
 * Owns: the scan, so many connections at once, and the lines that are printed.
 * Must not know: how a key is proved.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { createConnect } from '../../client/dial/connect.ts';
import type { HostKeyInfo } from '../../client/hostKeys/hostKeys.ts';
import { hashedNameLength, hashSpelling } from '../../keys/knownHosts/hashedNames.ts';
import { byteForm, hostSpelling } from '../../keys/knownHosts/hostPattern.ts';
import { base64Encode } from '../../keys/pem/base64.ts';
import { systemRandomBytes } from '../../node/crypto/random.ts';
import { nodePlatform } from '../../node/platform.ts';
import { WireReader } from '../../wire/reader.ts';
import { messageOf, systemWords } from '../errorWords.ts';
import { failureStatus } from '../exitStatus.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { BrokenPipe, printText, streamSink } from '../terminal/pumps.ts';
import {
  type KeyscanArguments,
  keyscanHelp,
  parseHostLine,
  parseKeyscanArguments,
  type ScannedHost,
} from './keyscanArguments.ts';

/** Connections at once. */
const concurrency = 64;
/** Nobody logs in. */
const username = 'keyscan';

/** @returns the exit status; `argv` is what stands behind the name */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  try {
    const args = parseKeyscanArguments(argv);
    if (args !== 'help') return await new Scan(args, messages).run();
    process.stdout.write(keyscanHelp);
    return 0;
  } catch (error) {
    if (error instanceof BrokenPipe) return failureStatus;
    if (!(error instanceof SshError)) throw error;
    messages.complain(messageOf(error));
    return failureStatus;
  }
}

/** One connection to be made. */
interface Question {
  readonly host: ScannedHost;
  readonly algorithms: readonly string[];
}

class Scan {
  private readonly args: KeyscanArguments;
  private readonly messages: Messages;
  private readonly interruption = new Interruption();
  private readonly output = streamSink(process.stdout);
  private readonly told = new Set<ScannedHost>();
  private found = 0;

  constructor(args: KeyscanArguments, messages: Messages) {
    this.args = args;
    this.messages = messages;
  }

  async run(): Promise<number> {
    const stopWatching = this.interruption.watch();
    try {
      const hosts = [...this.args.hosts, ...(await this.listed())];
      const queue = hosts.flatMap((host) =>
        this.args.algorithms.map((algorithms): Question => ({ host, algorithms })),
      );
      const work = async (): Promise<void> => {
        for (let question = queue.shift(); question !== undefined; question = queue.shift()) {
          if (!this.interruption.signal.aborted) await this.ask(question);
        }
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, queue.length) }, work));
      return this.interruption.status ?? (this.found > 0 ? 0 : 1);
    } finally {
      stopWatching();
    }
  }

  private async listed(): Promise<readonly ScannedHost[]> {
    const hosts: ScannedHost[] = [];
    for (const file of this.args.files) {
      const content = await this.read(file);
      for (const [index, line] of content.split(/\r?\n/).entries()) {
        try {
          hosts.push(...parseHostLine(line));
        } catch (error) {
          if (!(error instanceof SshError)) throw error;
          throw optionsError(`${file}:${index + 1}: ${messageOf(error)}`);
        }
      }
    }
    return hosts;
  }

  private async read(file: string): Promise<string> {
    try {
      return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8');
    } catch (error) {
      throw optionsError(`${file}: ${systemWords(error)}`);
    }
  }

  /** Goes as far as the proof of the key, and no further. */
  private async ask({ host, algorithms }: Question): Promise<void> {
    const { timeout, family } = this.args;
    const port = host.port ?? this.args.port;
    let key: HostKeyInfo | undefined;
    try {
      await createConnect(nodePlatform)({
        host: host.host,
        port,
        username,
        auth: ['none'],
        timeout,
        timeouts: { close: 500 },
        family,
        signal: this.interruption.signal,
        algorithms: { kex: 'legacy', mac: 'legacy', cipher: 'legacy', hostKey: algorithms },
        verifyHostKey: (info) => {
          key = info;
          return false;
        },
      });
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (key !== undefined) return this.print(host, port, key, error.remoteIdentification);
      // A host need not have a key of each type.
      if (error.code === 'ERR_SSH_NO_COMMON_ALGORITHM' || this.interruption.cause !== undefined) return;
      this.complain(host, port, error);
    }
  }

  /** Of a host that cannot be reached it is said once. */
  private complain(host: ScannedHost, port: number, error: SshError): void {
    if (this.told.has(host) || this.args.isQuiet) return;
    this.told.add(host);
    this.messages.say(`${escapeText(host.host, 300)}:${port}: ${messageOf(error).replaceAll('\n', '; ')}`);
  }

  private async print(
    host: ScannedHost,
    port: number,
    { blob, certificate }: HostKeyInfo,
    identification: string | undefined,
  ): Promise<void> {
    this.found++;
    const { isQuiet, isSshfp } = this.args;
    if (!isQuiet) {
      const mark = isSshfp ? ';' : '#';
      this.messages.block(`${mark} ${host.host}:${port} ${escapeText(identification ?? '', 300)}`);
    }
    const bytes = certificate?.blob ?? blob;
    await printText(this.output, isSshfp ? this.records(host, bytes) : this.line(host, port, bytes));
  }

  private line(host: ScannedHost, port: number, blob: Uint8Array): string {
    const behind = `${new WireReader(blob).name()} ${base64Encode(blob)}\n`;
    const spellings = host.name.split(',').map((name) => hostSpelling(name, port));
    if (!this.args.isHashed) return `${spellings.join(',')} ${behind}`;
    return spellings
      .map((name) => `${hashSpelling(byteForm(name), systemRandomBytes(hashedNameLength))} ${behind}`)
      .join('');
  }

  private records(host: ScannedHost, blob: Uint8Array): string {
    const type = new WireReader(blob).name();
    const number = sshfpNumbers[type];
    if (number === undefined) return '';
    return (['sha1', 'sha256'] as const)
      .map((hash, i) => {
        const digest = createHash(hash).update(blob).digest('hex');
        return `${host.name} IN SSHFP ${number} ${i + 1} ${digest}\n`;
      })
      .join('');
  }
}

/** RFC 4255 §3.1.1, RFC 6594, RFC 7479. */
const sshfpNumbers: Readonly<Record<string, number>> = {
  'ssh-rsa': 1,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
  'ssh-ed25519': 4,
  'ssh-ed448': 6,
};
