/**
 * A server as a test sees it.
 *
 * Owns: the options that connect to it.
 * Must not know: which server it is.
 */
import { type Client, type ConnectOptions, connect, pinnedHostKey } from '../../../src/entry/index.ts';
import type { KeyFile, KeyKind } from './keys.ts';
import type { Lab } from './lab.ts';
import type { ServerProcess } from './processes.ts';

export class TestServer {
  readonly host: string;
  readonly process: ServerProcess;
  readonly hostKeys: readonly KeyFile[];
  readonly lab: Lab;

  constructor(lab: Lab, process: ServerProcess, hostKeys: readonly KeyFile[], host: string = '127.0.0.1') {
    this.host = host;
    this.lab = lab;
    this.process = process;
    this.hostKeys = hostKeys;
  }

  get port(): number {
    return this.process.port;
  }

  /** The account, one of its keys, the right host keys, and what the test adds. */
  options(more: ConnectOptions = {}, userKey: KeyKind = 'ed25519'): ConnectOptions {
    return {
      ...this.anonymous(),
      privateKey: this.lab.userKeys.textOf(userKey),
      ...more,
    };
  }

  /** As `options`, without anything to authenticate by. */
  anonymous(): ConnectOptions {
    return {
      host: this.host,
      port: this.port,
      username: this.lab.account.name,
      verifyHostKey: pinnedHostKey(...this.hostKeys.map(({ fingerprint }) => fingerprint)),
    };
  }

  /** What a program in another process needs to connect. */
  target(): {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly privateKey: string;
    readonly fingerprints: readonly string[];
  } {
    return {
      host: this.host,
      port: this.port,
      username: this.lab.account.name,
      privateKey: this.lab.userKeys.textOf('ed25519'),
      fingerprints: this.hostKeys.map(({ fingerprint }) => fingerprint),
    };
  }

  connect(more?: ConnectOptions, userKey?: KeyKind): Promise<Client> {
    return connect(this.options(more, userKey));
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}
