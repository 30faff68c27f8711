/**
 * The command line during a session (~C).
 *
 * Owns: the prompt, its line, what a line asks for.
 * Must not know: terminals, how a forward works.
 * Source: ssh(1), ESCAPE CHARACTERS.
 */
import { SshError } from '../../base/errors.ts';
import { messageOf } from '../errorWords.ts';
import type { Messages } from '../messages.ts';
import { LineReader } from '../terminal/lineReader.ts';
import { forwardOf, type ListenSettings } from './forwardSpecs.ts';
import type { Forwards } from './forwards.ts';

const help = [
  '',
  'Commands:',
  '  -L[address:]port:host:hostport    forward a local port',
  '  -R[address:]port:host:hostport    forward a port of the server',
  '  -D[address:]port                  a SOCKS proxy',
  '  -KL[address:]port                 cancel a forward of a local port',
  '  -KR[address:]port                 cancel a forward of a port of the server',
  '  -KD[address:]port                 cancel a SOCKS proxy',
].join('\n');

export class EscapeCommandLine {
  private readonly forwards: Forwards;
  private readonly messages: Messages;
  private readonly settings: ListenSettings;
  private readonly line = new LineReader(true);

  constructor(forwards: Forwards, messages: Messages, settings: ListenSettings) {
    this.forwards = forwards;
    this.messages = messages;
    this.settings = settings;
    process.stderr.write('\r\nssh> ');
  }

  /** Takes keys; gives those behind the end of the line, undefined while it has not ended. */
  receive(chunk: Uint8Array): Uint8Array | undefined {
    for (let i = 0; i < chunk.length; i++) {
      const shown = this.line.receive(chunk.subarray(i, i + 1));
      if (shown !== '') process.stderr.write(shown);
      const { end } = this.line;
      if (end === undefined) continue;
      if (end.type === 'entered') this.carryOut(end.text.trim());
      return chunk.subarray(i + 1);
    }
    return undefined;
  }

  private carryOut(text: string): void {
    if (text === '') return;
    if (text === '?' || text === 'help' || text === '-h') return this.messages.block(help);
    this.attempt(text).then(
      (said) => this.messages.block(said),
      (error: unknown) => this.messages.block(messageOf(error)),
    );
  }

  private async attempt(text: string): Promise<string> {
    const [, cancels, letter = '', place = ''] = /^-(K?)([LRD])\s*(\S+)$/.exec(text) ?? [];
    if (letter === '') return `there is no command ${text.slice(0, 80)}; ? lists them`;
    const option = `-${letter}` as '-L' | '-R' | '-D';
    if (cancels === '') {
      await this.forwards.add(forwardOf(option, place, this.settings));
      return 'Forwarding port.';
    }
    const isThere = await this.forwards.cancel(kinds[option], placeOf(place));
    return isThere ? 'Canceled forwarding.' : 'There is no such forward.';
  }
}

const kinds = {
  '-L': ['local'],
  '-R': ['remote', 'remoteSocks'],
  '-D': ['socks'],
} as const;

function placeOf(text: string): { readonly host: string | undefined; readonly port: number } {
  const [, address, port] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined) {
    throw new SshError('ERR_SSH_OPTIONS', 'a forward is cancelled by [address:]port', { origin: 'user' });
  }
  return { host: address, port: Number(port) };
}
