/**
 * What `deadline-ssh sftp` prints.
 *
 * Owns: plain lines, or one JSON object a line; that a progress line makes room for either.
 * Must not know: what the commands do. Names come here safe to show.
 */
import { SshError } from '../../base/errors.ts';
import type { FilesystemStats } from '../../sftp/files/pathCalls.ts';
import type { TransferResult } from '../../sftp/transfer/result.ts';
import { messageOf } from '../errorWords.ts';
import type { Messages } from '../messages.ts';
import { jsonLine } from '../remote/jsonReport.ts';
import type { OutputSink } from '../terminal/pumps.ts';

/** An entry of a listing, for programs. */
export interface ListedEntry {
  readonly name: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export class SftpOutput {
  private readonly sink: OutputSink;
  private readonly messages: Messages;
  private readonly isJson: boolean;
  private readonly makeRoom: () => void;

  constructor(sink: OutputSink, messages: Messages, isJson: boolean, makeRoom: () => void) {
    this.sink = sink;
    this.messages = messages;
    this.isJson = isJson;
    this.makeRoom = makeRoom;
  }

  /** A line for people; `result` is what programs get in its place, and undefined where they get nothing. */
  async say(line: string, result: Readonly<Record<string, unknown>> | undefined): Promise<void> {
    if (!this.isJson) await this.print(`${line}\n`);
    else if (result !== undefined) await this.json({ result });
  }

  /** Text for people alone. */
  async print(text: string): Promise<void> {
    if (this.isJson) return;
    this.makeRoom();
    await this.sink.write(Buffer.from(text));
  }

  async entries(lines: readonly string[], entries: () => readonly ListedEntry[]): Promise<void> {
    if (this.isJson) return this.json({ result: { entries: entries() } });
    if (lines.length > 0) await this.print(`${lines.join('\n')}\n`);
  }

  async filesystem(table: string, stats: FilesystemStats): Promise<void> {
    if (!this.isJson) return this.print(table);
    // Numbers beyond 2^53 are exact as text only.
    const values = Object.entries(stats).map(([name, value]) => [
      name,
      typeof value === 'bigint' ? String(value) : (value as unknown),
    ]);
    await this.json({ result: Object.fromEntries(values) });
  }

  async transferred(direction: string, from: string, to: string, result: TransferResult): Promise<void> {
    if (!this.isJson) return;
    const { files, folders, links, bytes, duration, skippedCount, failedCount } = result;
    const counts = {
      files,
      folders,
      links,
      bytes,
      duration: Math.round(duration),
      skippedCount,
      failedCount,
    };
    await this.json({ result: { direction, from, to, ...counts } });
  }

  /** A command has failed. */
  failed(command: string, error: unknown): void {
    this.makeRoom();
    if (!this.isJson) return this.messages.say(`${command}: ${messageOf(error)}`);
    const { code, path, status } =
      error instanceof SshError ? error : { code: 'ERR_SSH_INTERNAL', path: undefined, status: undefined };
    void this.json({ error: { command, code, path, status, message: messageOf(error) } });
  }

  note(text: string): void {
    this.makeRoom();
    this.messages.say(text);
  }

  flush(): Promise<void> {
    return this.sink.flush();
  }

  private async json(value: unknown): Promise<void> {
    this.makeRoom();
    await this.sink.write(Buffer.from(`${jsonLine(value)}\n`));
  }
}
