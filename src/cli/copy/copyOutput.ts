/**
 * What `deadline-ssh cp` prints.
 *
 * Owns: plain lines, or one JSON object a line; that a progress line makes room for either.
 * Must not know: what is copied. Names come here safe to show.
 */
import { SshError } from '../../base/errors.ts';
import type { TransferResult } from '../../sftp/transfer/result.ts';
import { messageOf } from '../errorWords.ts';
import { size } from '../files/progress/progressLine.ts';
import type { Messages } from '../messages.ts';
import { jsonLine } from '../remote/jsonReport.ts';
import type { OutputSink } from '../terminal/pumps.ts';

export class CopyOutput {
  private readonly sink: OutputSink;
  private readonly messages: Messages;
  private readonly options: { readonly json: boolean; readonly isTold: boolean };
  private readonly makeRoom: () => void;

  /** @param options `isTold`: a line for each copy, where no progress is shown */
  constructor(
    sink: OutputSink,
    messages: Messages,
    options: { readonly json: boolean; readonly isTold: boolean },
    makeRoom: () => void,
  ) {
    this.sink = sink;
    this.messages = messages;
    this.options = options;
    this.makeRoom = makeRoom;
  }

  async copied(from: string, to: string, result: TransferResult): Promise<void> {
    const { files, folders, links, bytes, duration, skippedCount, failedCount } = result;
    if (this.options.json) {
      const counts = { files, folders, links, bytes, duration: Math.round(duration) };
      return this.json({ result: { from, to, ...counts, skippedCount, failedCount } });
    }
    if (!this.options.isTold || failedCount > 0) return;
    const count = files === 1 ? '1 file' : `${files} files`;
    this.messages.say(`${from} to ${to}: ${count}, ${size(bytes).trim()}, ${Math.round(duration)} ms`);
  }

  failed(error: unknown): void {
    this.makeRoom();
    if (!this.options.json) return this.messages.say(messageOf(error));
    const { code, path, status } =
      error instanceof SshError ? error : { code: 'ERR_SSH_INTERNAL', path: undefined, status: undefined };
    void this.json({ error: { code, path, status, message: messageOf(error) } });
  }

  note(text: string): void {
    this.makeRoom();
    this.messages.say(text);
  }

  private async json(value: unknown): Promise<void> {
    await this.sink.write(Buffer.from(`${jsonLine(value)}\n`));
  }
}
