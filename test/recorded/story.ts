/**
 * A client that does the same whenever it hears the same: its keys, cookies and
 * padding come from a seed, time stands still, and what it does next is a
 * function of what came.
 *
 * Owns: the course of a recorded conversation, and the account of what the
 * client saw in it.
 * Must not know: sockets, files.
 */
import { equalBytes, toHex, utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { execPayload } from '../../src/client/command/requestPayloads.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { fingerprint } from '../../src/keys/fingerprint.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { exitStatus } from '../../src/message/channelRequest.ts';
import { type ClientEvent, ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import type { AlgorithmPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { seededBytes } from '../support/conversation.ts';

/** What a client does, written out, so that it does not change with the defaults of the library. */
export interface Story {
  readonly seed: number;
  readonly algorithms: AlgorithmPreferences;
  readonly username: string;
  /** Tried one after the other. `publickey` is the key of the seed. */
  readonly credentials: readonly ({ readonly password: string } | 'none' | 'publickey')[];
  readonly commands: readonly Command[];
}

export interface Command {
  readonly command: string;
  readonly input?: string;
  /** New keys are exchanged before it. */
  readonly rekey?: boolean;
}

/** What came of a story, for people and for comparison. */
export interface Account {
  readonly server: string;
  readonly hostKey: string;
  /** Names of the algorithms, of each key exchange. */
  readonly keyExchanges: readonly string[];
  readonly authentication: readonly string[];
  readonly commands: readonly CommandAccount[];
  /** Code of the error that ended it. */
  readonly end: string;
}

interface CommandAccount {
  stdout: string;
  stderr: string;
  status: number | undefined;
}

/** The public line of the key that a seed makes. */
export function storyKeyLine(seed: number): string {
  const blob = encodePublicKey(storyKey(seed).publicKey);
  return `ssh-ed25519 ${Buffer.from(blob).toString('base64')}`;
}

const storyKey = (seed: number) => generateKey('ed25519', { randomBytes: seededBytes(seed) });

/**
 * Padding, which is drawn in pools and by the number of packets, has a stream of
 * its own: the key pairs of a later key exchange must not depend on how many
 * packets the chunks made of an answer.
 */
function storyRandomness(seed: number): (length: number) => Uint8Array {
  const poolLength = 2048;
  const keys = seededBytes(seed);
  const padding = seededBytes(seed + 1);
  return (length) => (length === poolLength ? padding(length) : keys(length));
}

export class StoryClient {
  readonly protocol: ClientProtocol;
  private readonly story: Story;
  private readonly provider: CryptoProvider;
  private readonly account = {
    server: '',
    hostKey: '',
    keyExchanges: [] as string[],
    authentication: [] as string[],
    commands: [] as CommandAccount[],
    end: '',
  };
  private credentialsUsed = 0;
  private channel: Channel | undefined;

  /** @param createProvider is given the randomness of the story */
  constructor(
    story: Story,
    createProvider: (options: { readonly randomBytes: (length: number) => Uint8Array }) => CryptoProvider,
  ) {
    this.story = story;
    this.provider = createProvider({ randomBytes: storyRandomness(story.seed) });
    this.protocol = new ClientProtocol({
      provider: this.provider,
      preferences: story.algorithms,
      limits: defaultLimits,
      timeouts: defaultTimeouts,
      keepAlive: undefined,
      rekey: defaultRekeyPolicy,
      identification: identificationLine('deadline_ssh_recorded'),
      requireStrict: false,
      waits: new WaitTable(),
      now: 0,
      username: story.username,
    });
  }

  get outcome(): Account {
    return this.account;
  }

  get ended(): boolean {
    return this.protocol.cause !== undefined;
  }

  /** The bytes that open the conversation. */
  begin(): Promise<Uint8Array> {
    return this.answer();
  }

  /** Takes bytes of the server and returns what the client says to them. */
  receive(chunk: Uint8Array): Promise<Uint8Array> {
    this.protocol.receive(chunk, 0);
    return this.answer();
  }

  /** The server hung up. */
  hangUp(): Promise<Uint8Array> {
    this.protocol.linkEnded(undefined);
    return this.answer();
  }

  /** Events bring about output and output brings about events, until neither is left. */
  private async answer(): Promise<Uint8Array> {
    const { protocol } = this;
    const said: Uint8Array[] = [];
    for (let moved = true; moved; ) {
      moved = false;
      for (let event = protocol.nextEvent(); event !== undefined; event = protocol.nextEvent()) {
        moved = true;
        await this.handle(event);
      }
      for (let output = protocol.takeOutput(); output !== undefined; output = protocol.takeOutput()) {
        moved = true;
        said.push(output);
      }
    }
    return new Uint8Array(Buffer.concat(said));
  }

  private async handle(event: ClientEvent): Promise<void> {
    const { protocol, account } = this;
    switch (event.type) {
      case 'identified':
        account.server = event.remote.text;
        return;
      case 'algorithmsWanted':
        for (const load of event.loaders) await load();
        protocol.algorithmsLoaded();
        return;
      case 'hostKey':
        account.hostKey = `${event.algorithm} ${fingerprint(event.hostKey)}`;
        protocol.acceptHostKey();
        return;
      case 'keyExchanged': {
        const { kex, hostKey, clientToServer, serverToClient } = event.negotiated;
        const suites = [clientToServer, serverToClient].map(({ cipher, mac }) => `${cipher} ${mac ?? '-'}`);
        account.keyExchanges.push([event.cause, kex, hostKey, ...suites].join(', '));
        if (event.cause === 'user') this.run();
        return;
      }
      case 'methodWanted':
        account.authentication.push(`wanted: ${event.methodsThatCanContinue.join(',')}`);
        return this.tryNext();
      case 'signatureWanted':
        await this.provider.loaderFor(event.algorithm)?.();
        protocol.sign(
          encodeSignature(
            event.algorithm,
            this.provider.sign(event.algorithm, storyKey(this.story.seed), event.data),
          ),
        );
        return;
      case 'authenticated':
        account.authentication.push(`authenticated: ${event.method}`);
        return;
      case 'ready':
        this.next();
        return;
      case 'channelOpened':
        event.channel.request('exec', execPayload(this.command.command), true);
        return;
      case 'channelRequestAnswered':
        if (this.command.input !== undefined) event.request.channel.write(utf8Encode(this.command.input));
        event.request.channel.eof();
        return;
      case 'channelReadable':
        this.collect(event.channel, event.stream);
        return;
      case 'channelRequest':
        if (event.requestType === 'exit-status') {
          this.latest.status = exitStatus.decode(new WireReader(event.payload)).exitStatus;
        }
        return;
      case 'channelClosed':
        this.channel = undefined;
        this.next();
        return;
      case 'ended':
        account.end = event.error.code;
        return;
      default:
    }
  }

  private get command(): Command {
    return this.story.commands[this.account.commands.length - 1] as Command;
  }

  private get latest(): CommandAccount {
    return this.account.commands.at(-1) as CommandAccount;
  }

  private tryNext(): void {
    const credential = this.story.credentials[this.credentialsUsed++];
    if (credential === undefined) return this.bye();
    if (credential === 'none') this.protocol.attempt({ method: 'none' });
    else if (credential === 'publickey') {
      const publicKey = encodePublicKey(storyKey(this.story.seed).publicKey);
      this.protocol.attempt({ method: 'publickey', algorithm: 'ssh-ed25519', publicKey, probe: true });
    } else this.protocol.attempt({ method: 'password', password: credential.password });
  }

  /** The next command, or the end. */
  private next(): void {
    const command = this.story.commands[this.account.commands.length];
    if (command === undefined) return this.bye();
    if (command.rekey === true) this.protocol.rekey();
    else this.run();
  }

  private run(): void {
    this.account.commands.push({ stdout: '', stderr: '', status: undefined });
    this.channel = this.protocol.connection.open('session', new Uint8Array(0));
  }

  private collect(channel: Channel, stream: 'data' | 'extended'): void {
    if (channel !== this.channel) return;
    for (let piece = channel.take(stream); piece !== undefined; piece = channel.take(stream)) {
      this.latest[stream === 'data' ? 'stdout' : 'stderr'] += Buffer.from(piece).toString('latin1');
    }
  }

  private bye(): void {
    this.protocol.disconnect(new SshError('ERR_SSH_CLOSED', 'the story is over', { origin: 'user' }));
  }
}

/** Where two byte strings part, for a report that people can read. */
export function difference(expected: Uint8Array, actual: Uint8Array): string {
  if (equalBytes(expected, actual)) return '';
  let at = 0;
  while (at < expected.length && expected[at] === actual[at]) at++;
  const around = (bytes: Uint8Array): string => toHex(bytes.subarray(at, at + 16));
  return `differ from byte ${at} of ${expected.length}: ${around(expected)} was recorded, ${around(actual)} was said`;
}
