/**
 * The SOCKS greeting from the side that is asked for a connection.
 *
 * Owns: SOCKS 4, 4a and 5 with CONNECT, without authentication or with user name
 * and password; the refusal of everything else in the words of the protocol.
 * Must not know: sockets, who makes the connection, clocks. Names are not looked
 * up: the far side does that.
 * Sources: RFC 1928 (SOCKS 5), RFC 1929 (user name and password), "SOCKS: A
 * protocol for TCP proxy across firewalls" and its extension 4A (Ying-Da Lee).
 */
import { concatBytes, emptyBytes, equalBytes, latin1Decode, utf8Encode } from '../../base/bytes.ts';
import { addressText } from './addresses.ts';

/** Where a program wants to go. */
export interface SocksRequest {
  readonly version: 4 | 5;
  /** A name, or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** Why a connection was not made, as SOCKS 5 has it (RFC 1928 §6). */
export const socksReplies = {
  succeeded: 0,
  generalFailure: 1,
  notAllowed: 2,
  networkUnreachable: 3,
  hostUnreachable: 4,
  connectionRefused: 5,
  ttlExpired: 6,
  commandNotSupported: 7,
  addressTypeNotSupported: 8,
} as const;

export type SocksReply = (typeof socksReplies)[keyof typeof socksReplies];

export interface SocksServerOptions {
  /** Asked of programs that speak SOCKS 5; those that speak SOCKS 4 are refused then. */
  readonly credentials?: { readonly username: string; readonly password: string } | undefined;
  /** Bytes of a whole greeting. */
  readonly greetingLength: number;
}

type Step = 'version' | 'methods' | 'password' | 'request' | 'socks4' | 'asked' | 'answered' | 'failed';

/** Methods of RFC 1928 §3. */
const noAuthentication = 0x00;
const userNameAndPassword = 0x02;
const noneAcceptable = 0xff;

/** Types of address (RFC 1928 §5). */
const ipv4 = 1;
const domainName = 3;
const ipv6 = 4;

const connectCommand = 1;

/**
 * One greeting as a synchronous object: bytes in, bytes out, a request.
 *
 * It takes bytes until the request is there. What the program sends behind it is
 * its own, and stays in `rest`.
 */
export class SocksServer {
  /** Undefined until the program has asked. */
  request: SocksRequest | undefined;
  /** What was wrong with the greeting; undefined while nothing is. */
  fault: string | undefined;
  private readonly options: SocksServerOptions;
  private step: Step = 'version';
  private unread: Uint8Array = emptyBytes;
  private taken = 0;
  private output: Uint8Array[] = [];

  constructor(options: SocksServerOptions) {
    this.options = options;
  }

  /** Bytes behind the request, which belong to the connection. */
  get rest(): Uint8Array {
    return this.unread;
  }

  /** What has to be sent; undefined for nothing. After a fault the connection ends behind it. */
  takeOutput(): Uint8Array | undefined {
    if (this.output.length === 0) return undefined;
    const bytes = concatBytes(...this.output);
    this.output = [];
    return bytes;
  }

  receive(chunk: Uint8Array): void {
    if (this.step === 'failed' || this.step === 'answered') return;
    this.unread = this.unread.length === 0 ? chunk : concatBytes(this.unread, chunk);
    if (this.step === 'asked') return;
    while (this.fault === undefined && this.request === undefined && this.advance());
    if (this.request === undefined && this.taken + this.unread.length > this.options.greetingLength) {
      this.fail(`a SOCKS greeting of more than ${this.options.greetingLength} bytes`);
    }
  }

  /** Answers the request. After an answer other than `succeeded` the connection ends. */
  answer(reply: SocksReply): void {
    if (this.step !== 'asked' || this.request === undefined) return;
    this.step = 'answered';
    if (this.request.version === 4) this.output.push(socks4Reply(reply === socksReplies.succeeded));
    else this.output.push(socks5Reply(reply));
  }

  /** @returns whether there may be more to read */
  private advance(): boolean {
    switch (this.step) {
      case 'version':
        return this.readVersion();
      case 'methods':
        return this.readMethods();
      case 'password':
        return this.readPassword();
      case 'request':
        return this.readRequest();
      case 'socks4':
        return this.readSocks4();
      default:
        return false;
    }
  }

  private readVersion(): boolean {
    const { unread } = this;
    if (unread.length === 0) return false;
    if (unread[0] === 5) this.step = 'methods';
    else if (unread[0] === 4) this.step = 'socks4';
    else return this.fail(`SOCKS version ${unread[0]}; 4 and 5 are spoken here`);
    return true;
  }

  private readMethods(): boolean {
    const bytes = this.take(2, (head) => head[1] ?? 0);
    if (bytes === undefined) return false;
    const methods = bytes.subarray(2);
    const { credentials } = this.options;
    const wanted = credentials === undefined ? noAuthentication : userNameAndPassword;
    if (!methods.includes(wanted)) {
      this.output.push(Uint8Array.of(5, noneAcceptable));
      return this.fail(
        credentials === undefined
          ? 'a program that offers no SOCKS method without authentication'
          : 'a program that offers no SOCKS user name and password',
      );
    }
    this.output.push(Uint8Array.of(5, wanted));
    this.step = credentials === undefined ? 'request' : 'password';
    return true;
  }

  private readPassword(): boolean {
    const { unread } = this;
    const nameLength = unread[1];
    if (nameLength === undefined) return false;
    const passwordLength = unread[2 + nameLength];
    if (passwordLength === undefined) return false;
    const bytes = this.take(3 + nameLength + passwordLength, () => 0);
    if (bytes === undefined) return false;
    const { username = '', password = '' } = this.options.credentials ?? {};
    // Both are compared, whatever the first says.
    const isUser = equalBytes(bytes.subarray(2, 2 + nameLength), utf8Encode(username));
    const isPassword = equalBytes(bytes.subarray(3 + nameLength), utf8Encode(password));
    if (bytes[0] !== 1 || !(isUser && isPassword)) {
      this.output.push(Uint8Array.of(1, 1));
      return this.fail('a SOCKS user name or password that is not the one of this proxy');
    }
    this.output.push(Uint8Array.of(1, 0));
    this.step = 'request';
    return true;
  }

  private readRequest(): boolean {
    const { unread } = this;
    const [version, command, , type, first] = unread;
    if (version !== undefined && version !== 5) return this.fail(`a SOCKS request of version ${version}`);
    if (type === undefined || first === undefined) return false;
    if (type !== ipv4 && type !== ipv6 && type !== domainName) {
      return this.refuse(socksReplies.addressTypeNotSupported, `SOCKS address type ${type}`);
    }
    const length = type === ipv4 ? 4 : type === ipv6 ? 16 : 1 + first;
    const bytes = this.take(6 + length, () => 0);
    if (bytes === undefined) return false;
    if (command !== connectCommand) {
      return this.refuse(
        socksReplies.commandNotSupported,
        `SOCKS command ${command}; CONNECT is served here`,
      );
    }
    const address = bytes.subarray(4, 4 + length);
    const host = type === domainName ? hostName(address.subarray(1)) : addressText(address);
    if (host === undefined) return this.refuse(socksReplies.generalFailure, 'a SOCKS request without a host');
    return this.asked({ version: 5, host, port: portAt(bytes, 4 + length) });
  }

  private readSocks4(): boolean {
    const { unread } = this;
    const userEnd = unread.indexOf(0, 8);
    if (unread.length < 9 || userEnd < 0) return false;
    const address = unread.subarray(4, 8);
    // 4A: the name stands behind the user name where the address is 0.0.0.x.
    const isName = address[0] === 0 && address[1] === 0 && address[2] === 0 && address[3] !== 0;
    const nameEnd = isName ? unread.indexOf(0, userEnd + 1) : userEnd;
    if (nameEnd < 0) return false;
    const host = isName ? hostName(unread.subarray(userEnd + 1, nameEnd)) : addressText(address);
    const command = unread[1];
    const port = portAt(unread, 2);
    this.take(nameEnd + 1, () => 0);
    if (command !== connectCommand) return this.refuse4(`SOCKS command ${command}; CONNECT is served here`);
    if (this.options.credentials !== undefined) {
      return this.refuse4('SOCKS 4, which has no password, at a proxy that asks for one');
    }
    if (host === undefined) return this.refuse4('a SOCKS request without a host');
    return this.asked({ version: 4, host, port });
  }

  private asked(request: SocksRequest): false {
    this.step = 'asked';
    this.request = request;
    return false;
  }

  private refuse(reply: SocksReply, fault: string): false {
    this.output.push(socks5Reply(reply));
    return this.fail(fault);
  }

  private refuse4(fault: string): false {
    this.output.push(socks4Reply(false));
    return this.fail(fault);
  }

  private fail(fault: string): false {
    this.step = 'failed';
    this.fault = fault;
    this.unread = emptyBytes;
    return false;
  }

  /** The next `length` bytes and as many more as these say; undefined while they are not all there. */
  private take(length: number, more: (head: Uint8Array) => number): Uint8Array | undefined {
    const { unread } = this;
    if (unread.length < length) return undefined;
    const whole = length + more(unread);
    if (unread.length < whole) return undefined;
    this.unread = unread.subarray(whole);
    this.taken += whole;
    return unread.subarray(0, whole);
  }
}

/** A name as it may travel on: printable ASCII; undefined for anything else. */
function hostName(bytes: Uint8Array): string | undefined {
  const text = latin1Decode(bytes);
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}

function portAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

/** The bound address is not known: all zeros, as most servers answer. */
function socks5Reply(reply: SocksReply): Uint8Array {
  return Uint8Array.of(5, reply, 0, ipv4, 0, 0, 0, 0, 0, 0);
}

function socks4Reply(granted: boolean): Uint8Array {
  return Uint8Array.of(0, granted ? 90 : 91, 0, 0, 0, 0, 0, 0);
}
