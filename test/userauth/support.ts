/** Scripted conversations with either side of the authentication protocol. */
import { type Limits, resolveLimits } from '../../src/base/limits.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { decodeMessage, encodeMessage, type MessageContext } from '../../src/message/registry.ts';
import { userauthFailure, userauthSuccess } from '../../src/message/userauth.ts';
import { UserauthClient, type UserauthQuestion } from '../../src/userauth/client.ts';
import {
  type KeyFilter,
  type SignatureVerifier,
  UserauthServer,
  type UserauthServerEvent,
} from '../../src/userauth/server.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';

export const sessionId: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);

/** A blob that begins with its type, as keys and signatures do. */
export const blob = (type: string, rest: Uint8Array = new Uint8Array(32).fill(7)): Uint8Array =>
  new WireWriter().text(type).string(rest).copyWritten();

export const ed25519Key: Uint8Array = blob('ssh-ed25519');
export const rsaKey: Uint8Array = blob('ssh-rsa');

/** The payload of a message as a conversation shows it: its fields, and its name for the eye. */
export interface Said {
  readonly name: string;
  readonly value: object;
}

/** A client whose server is the test. */
export class ClientScript {
  readonly client: UserauthClient;
  /** Payloads sent and not looked at yet. */
  readonly sent: Uint8Array[] = [];
  /** What the composition was told, in order. */
  readonly waits: string[] = [];

  constructor(
    options: {
      limits?: Partial<Limits>;
      username?: string;
      boundHostKey?: () => Uint8Array | undefined;
    } = {},
  ) {
    this.client = new UserauthClient({
      username: options.username ?? 'me',
      sessionId,
      limits: resolveLimits(options.limits),
      boundHostKey: options.boundHostKey,
      sink: {
        send: (message, value) => void this.sent.push(encodeMessage(message, value)),
        requestSent: (method) => void this.waits.push(method),
        answered: () => void this.waits.push('answered'),
      },
    });
  }

  /** A client that has been asked for its first method. */
  static started(options?: ConstructorParameters<typeof ClientScript>[0]): ClientScript {
    const script = new ClientScript(options);
    script.client.start();
    script.events();
    return script;
  }

  says<T>(message: MessageCodec<T>, value: T): void {
    const payload = encodeMessage(message, value);
    this.client.receive(payload[0] as number, new WireReader(payload, 1));
  }

  fails(methods: readonly string[] = ['publickey', 'password'], partialSuccess = false): void {
    this.says(userauthFailure, { authenticationsThatCanContinue: methods, partialSuccess });
  }

  succeeds(): void {
    this.says(userauthSuccess, {});
  }

  events(): UserauthQuestion[] {
    const events: UserauthQuestion[] = [];
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) {
      events.push(event);
    }
    return events;
  }

  /** What the client said since the last look. */
  said(): Said[] {
    return this.sent.splice(0).map((payload) => decodeMessage(payload));
  }
}

/** A server whose client is the test. */
export class ServerScript {
  readonly server: UserauthServer;
  readonly sent: Uint8Array[] = [];
  /** What `verify` was given. */
  readonly verified: Parameters<SignatureVerifier>[] = [];

  constructor(
    options: {
      limits?: Partial<Limits>;
      methods?: readonly string[];
      onlyNamed?: boolean;
      takesKey?: KeyFilter;
      verify?: SignatureVerifier;
    } = {},
  ) {
    this.server = new UserauthServer({
      sessionId,
      methods: options.methods ?? ['publickey', 'password'],
      onlyNamed: options.onlyNamed,
      limits: resolveLimits(options.limits),
      takesKey: options.takesKey ?? (() => true),
      verify: (...given) => {
        this.verified.push(given);
        return options.verify?.(...given) ?? false;
      },
      sink: { send: (message, value) => void this.sent.push(encodeMessage(message, value)) },
    });
  }

  says<T>(message: MessageCodec<T>, value: T): void {
    const payload = encodeMessage(message, value);
    this.server.receive(payload[0] as number, new WireReader(payload, 1));
  }

  events(): UserauthServerEvent[] {
    const events: UserauthServerEvent[] = [];
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent()) {
      events.push(event);
    }
    return events;
  }

  said(context: MessageContext = {}): Said[] {
    return this.sent.splice(0).map((payload) => decodeMessage(payload, context));
  }
}

/** Matches an `SshError` with this code. */
export const sshError = (code: string, pattern: RegExp = /./): unknown =>
  expectation({ code, name: 'SshError', pattern });

function expectation({ code, name, pattern }: { code: string; name: string; pattern: RegExp }): unknown {
  return {
    asymmetricMatch: (error: unknown) =>
      error instanceof Error &&
      error.name === name &&
      (error as Error & { code?: unknown }).code === code &&
      pattern.test(error.message),
    toString: () => `${name} ${code} ${pattern}`,
  };
}
