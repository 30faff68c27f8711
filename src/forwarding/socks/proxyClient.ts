/**
 * Asking a proxy for a connection.
 *
 * Owns: SOCKS 5 and HTTP CONNECT from the side that asks.
 * Must not know: sockets, clocks, which server lies behind the proxy.
 * Sources: RFC 1928, RFC 1929; RFC 9110 §9.3.6 (CONNECT), §11.7 (credentials for proxies).
 */
import { concatBytes, emptyBytes, escapeText, latin1Decode, utf8Encode } from '../../base/bytes.ts';
import { base64Encode } from '../../keys/pem/base64.ts';
import { addressBytes } from './addresses.ts';

/** Whom the proxy is asked for, and as whom. */
export interface ProxyRequest {
  readonly host: string;
  readonly port: number;
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
}

/** The conversation with a proxy as a synchronous object. */
export interface ProxyClient {
  /** `open`: what follows is the server's. `failed`: `fault` says why. */
  readonly state: 'asking' | 'open' | 'failed';
  readonly fault: string | undefined;
  /** Bytes behind the proxy's answer: the server's first. */
  readonly rest: Uint8Array;
  receive(chunk: Uint8Array): void;
  takeOutput(): Uint8Array | undefined;
}

/** Bytes of an answer; no proxy has more to say. */
const longestAnswer = 16 * 1024;

/** Bytes of a name in SOCKS 5: one byte says how many there are. */
const longestName = 255;

const socksFaults: readonly string[] = [
  'succeeded',
  'it failed in general',
  'its rules forbid it',
  'the network is unreachable',
  'the host is unreachable',
  'the connection was refused',
  'the time to live expired',
  'it does not support the command',
  'it does not support the type of address',
];

abstract class Asking implements ProxyClient {
  state: 'asking' | 'open' | 'failed' = 'asking';
  fault: string | undefined;
  rest: Uint8Array = emptyBytes;
  protected readonly request: ProxyRequest;
  private output: Uint8Array | undefined;

  constructor(request: ProxyRequest) {
    this.request = request;
  }

  takeOutput(): Uint8Array | undefined {
    const { output } = this;
    this.output = undefined;
    return output;
  }

  receive(chunk: Uint8Array): void {
    if (this.state === 'failed') return;
    this.rest = this.rest.length === 0 ? chunk : concatBytes(this.rest, chunk);
    while (this.state === 'asking' && this.advance());
    if (this.state === 'asking' && this.rest.length > longestAnswer) {
      this.fail(`it answered with more than ${longestAnswer} bytes`);
    }
  }

  /** @returns whether there may be more to read */
  protected abstract advance(): boolean;

  protected say(...parts: readonly Uint8Array[]): void {
    this.output = concatBytes(...(this.output === undefined ? [] : [this.output]), ...parts);
  }

  protected take(length: number): Uint8Array {
    const taken = this.rest.subarray(0, length);
    this.rest = this.rest.subarray(length);
    return taken;
  }

  protected open(): false {
    this.state = 'open';
    return false;
  }

  protected fail(fault: string): false {
    this.state = 'failed';
    this.fault = fault;
    this.rest = emptyBytes;
    return false;
  }
}

/** RFC 1928. */
export class Socks5Client extends Asking {
  private step: 'method' | 'password' | 'reply' = 'method';

  constructor(request: ProxyRequest) {
    super(request);
    this.say(request.credentials === undefined ? Uint8Array.of(5, 1, 0) : Uint8Array.of(5, 2, 0, 2));
  }

  protected override advance(): boolean {
    if (this.step === 'method') return this.readMethod();
    if (this.step === 'password') return this.readPassword();
    return this.readReply();
  }

  private readMethod(): boolean {
    if (this.rest.length < 2) return false;
    const [version, method] = this.take(2);
    if (version !== 5) return this.fail(`it speaks no SOCKS 5: its first byte is ${version}`);
    if (method === 0) return this.ask();
    if (method === 2 && this.request.credentials !== undefined) {
      const name = utf8Encode(this.request.credentials.username);
      const password = utf8Encode(this.request.credentials.password);
      this.say(Uint8Array.of(1, name.length), name, Uint8Array.of(password.length), password);
      this.step = 'password';
      return true;
    }
    return this.fail(method === 0xff ? 'it accepts none of our ways to log in' : `it wants method ${method}`);
  }

  private readPassword(): boolean {
    if (this.rest.length < 2) return false;
    const [, status] = this.take(2);
    return status === 0 ? this.ask() : this.fail('it refused user name and password');
  }

  private ask(): boolean {
    const { host, port } = this.request;
    const address = addressBytes(host);
    const name = utf8Encode(host);
    if (address === undefined && name.length > longestName) {
      return this.fail(
        `the name of the host has ${name.length} bytes, and SOCKS has room for ${longestName}`,
      );
    }
    const place =
      address === undefined
        ? [Uint8Array.of(3, name.length), name]
        : [Uint8Array.of(address.length === 4 ? 1 : 4), address];
    this.say(Uint8Array.of(5, 1, 0), ...place, Uint8Array.of(port >> 8, port & 0xff));
    this.step = 'reply';
    return true;
  }

  private readReply(): boolean {
    const { rest } = this;
    if (rest.length < 5) return false;
    const [version, reply = 0, , type, first = 0] = rest;
    if (version !== 5) return this.fail(`it answered with version ${version}`);
    if (reply !== 0) return this.fail(socksFaults[reply] ?? `it answered with ${reply}`);
    if (type !== 1 && type !== 3 && type !== 4)
      return this.fail(`it answered with an address of type ${type}`);
    const length = 6 + (type === 1 ? 4 : type === 4 ? 16 : 1 + first);
    if (rest.length < length) return false;
    this.take(length);
    return this.open();
  }
}

/** RFC 9110 §9.3.6. */
export class HttpConnectClient extends Asking {
  constructor(request: ProxyRequest) {
    super(request);
    const { host, port, credentials } = request;
    const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const lines = [`CONNECT ${authority} HTTP/1.1`, `Host: ${authority}`];
    if (credentials !== undefined) {
      const both = utf8Encode(`${credentials.username}:${credentials.password}`);
      lines.push(`Proxy-Authorization: Basic ${base64Encode(both)}`);
    }
    this.say(utf8Encode(`${lines.join('\r\n')}\r\n\r\n`));
  }

  protected override advance(): boolean {
    const text = latin1Decode(this.rest.subarray(0, longestAnswer));
    const end = /\r?\n\r?\n/.exec(text);
    if (end === null) {
      if (text.length >= 5 && !text.startsWith('HTTP/')) return this.fail(notHttp(text));
      return false;
    }
    const [line = ''] = text.split(/\r?\n/, 1);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1];
    if (status === undefined) return this.fail(notHttp(line));
    this.take(end.index + end[0].length);
    // RFC 9110 §15.2: the answer itself is still to come.
    if (status.startsWith('1')) return true;
    if (!status.startsWith('2')) return this.fail(`it answered "${escapeText(line, 120)}"`);
    return this.open();
  }
}

function notHttp(text: string): string {
  return `it speaks no HTTP: "${escapeText(text, 60)}"`;
}
