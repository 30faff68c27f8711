/**
 * The log of `deadline-ssh sftp-server`.
 *
 * Owns: where lines go and which of them do; what is said of each call on a store.
 * Must not know: how calls are carried out.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { quotedText } from '../../base/bytes.ts';
import { pathText } from '../../sftp/files/paths.ts';
import type { StoreFile, StoreSession } from '../../sftp/serve/store.ts';
import { type LogLevel, logLevels, type ServerArguments } from './serverArguments.ts';

type LogOptions = Pick<ServerArguments, 'logsToStderr' | 'logLevel' | 'logFacility'>;

export class ServerLog {
  private readonly options: LogOptions;
  private logger: ChildProcess | undefined;

  constructor(options: LogOptions) {
    this.options = options;
  }

  has(level: LogLevel): boolean {
    return logLevels.indexOf(level) <= logLevels.indexOf(this.options.logLevel);
  }

  /** A line; what came from the client in it is escaped. */
  say(level: LogLevel, text: string): void {
    if (!this.has(level)) return;
    if (this.options.logsToStderr) process.stderr.write(`${text}\n`);
    else this.system().stdin?.write(`${text}\n`);
  }

  /** Resolves when all that was said is out. */
  async end(): Promise<void> {
    const { logger } = this;
    if (logger === undefined || logger.exitCode !== null || logger.pid === undefined) return;
    await new Promise((resolve) => {
      logger.once('close', resolve);
      logger.stdin?.end();
    });
  }

  /** The system's log by logger(1): Node has no socket of its kind. Where there is none nothing is logged. */
  private system(): ChildProcess {
    if (this.logger === undefined) {
      const priority = `${this.options.logFacility}.info`;
      const args = ['-t', 'sftp-server', `--id=${process.pid}`, '-p', priority];
      this.logger = spawn('logger', args, { stdio: ['pipe', 'ignore', 'ignore'] });
      this.logger.on('error', () => {});
      this.logger.stdin?.on('error', () => {});
    }
    return this.logger;
  }
}

/** The calls on a store that are logged, by the names of their requests, and from which level on. */
const calls: ReadonlyMap<PropertyKey, readonly [request: string, level: LogLevel]> = new Map<
  keyof StoreSession,
  readonly [string, LogLevel]
>([
  ['open', ['open', 'info']],
  ['setAttributes', ['setstat', 'info']],
  ['remove', ['remove', 'info']],
  ['makeFolder', ['mkdir', 'info']],
  ['removeFolder', ['rmdir', 'info']],
  ['rename', ['rename', 'info']],
  ['makeLink', ['symlink', 'info']],
  ['hardLink', ['hardlink', 'info']],
  ['attributes', ['stat', 'verbose']],
  ['openFolder', ['opendir', 'verbose']],
  ['readLink', ['readlink', 'verbose']],
  ['realpath', ['realpath', 'verbose']],
  ['statFilesystem', ['statvfs', 'verbose']],
]);

/** A store whose calls are logged, with the paths in them and what came of them. */
export function loggedStore(store: StoreSession, log: ServerLog): StoreSession {
  return new Proxy(store, {
    get: (target, name) => {
      const own: unknown = Reflect.get(target, name);
      if (typeof own !== 'function') return own;
      const [request, level] = calls.get(name) ?? [];
      if (request === undefined || level === undefined || !log.has(level)) return own.bind(target);
      return async (...given: readonly unknown[]): Promise<unknown> => {
        const paths = given.filter((each) => each instanceof Uint8Array).map(shown);
        const text = [request, ...paths].join(' ');
        try {
          const result: unknown = await Reflect.apply(own, target, given);
          log.say(level, text);
          return name === 'open' ? new LoggedFile(result as StoreFile, paths.join(' '), log) : result;
        } catch (error) {
          log.say(level, `${text}: ${reasonOf(error)}`);
          throw error;
        }
      };
    },
  });
}

/** A file whose end is logged, with the bytes that went each way. */
class LoggedFile implements StoreFile {
  private readonly file: StoreFile;
  private readonly name: string;
  private readonly log: ServerLog;
  private bytesRead = 0;
  private bytesWritten = 0;

  constructor(file: StoreFile, name: string, log: ServerLog) {
    this.file = file;
    this.name = name;
    this.log = log;
  }

  async read(into: Uint8Array, position: bigint): Promise<number> {
    const count = await this.file.read(into, position);
    this.bytesRead += count;
    return count;
  }

  async write(data: Uint8Array, position: bigint): Promise<void> {
    await this.file.write(data, position);
    this.bytesWritten += data.length;
  }

  attributes(): ReturnType<StoreFile['attributes']> {
    return this.file.attributes();
  }

  setAttributes(changes: Parameters<StoreFile['setAttributes']>[0]): Promise<void> {
    this.log.say('info', `fsetstat ${this.name}`);
    return this.file.setAttributes(changes);
  }

  get sync(): StoreFile['sync'] {
    return this.file.sync?.bind(this.file);
  }

  get statFilesystem(): StoreFile['statFilesystem'] {
    return this.file.statFilesystem?.bind(this.file);
  }

  close(): Promise<void> {
    const { name, bytesRead, bytesWritten } = this;
    this.log.say('info', `close ${name} bytes read ${bytesRead} written ${bytesWritten}`);
    return this.file.close();
  }
}

function shown(path: unknown): string {
  return quotedText(pathText(path as Uint8Array));
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it failed';
  return 'code' in error ? String(error.code) : error.message || 'refused';
}
