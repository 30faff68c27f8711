/**
 * An SFTP session of the command: over a connection of this library, over an ssh of the user's choice, or to
 * a server that runs here.
 *
 * Owns: which of the three it is, and its end.
 * Must not know: what is done with the files.
 */
import { escapeText } from '../../../base/bytes.ts';
import { defaultLimits, type Limits } from '../../../base/limits.ts';
import { nodePlatform } from '../../../node/platform.ts';
import { Sftp } from '../../../sftp/sftp.ts';
import type { Interruption } from '../../interruption.ts';
import type { Messages } from '../../messages.ts';
import { type ConnectionSettings, type ServerAddress, sshCommandLine } from './connectionWords.ts';
import { connectTo } from './ownConnection.ts';
import { PipeChannel } from './pipeChannel.ts';

export interface FileSession {
  readonly sftp: Sftp;
  /** Where it leads, for people. */
  readonly name: string;
  /** Resolves with why, once nothing can be asked of the server any more. */
  readonly ended: Promise<unknown>;
  /** Whether it has. */
  readonly isOver: boolean;
  close(): Promise<void>;
}

/** @throws SshError whatever keeps it from being used */
export async function openFileSession(
  settings: ConnectionSettings,
  server: ServerAddress | undefined,
  messages: Messages,
  interruption: Interruption,
): Promise<FileSession> {
  const { direct, program, subsystem, blockLength } = settings;
  if (direct !== undefined) return overPipes(settings, direct, direct.join(' '));
  const address = server as ServerAddress;
  if (program !== undefined) {
    return overPipes(settings, sshCommandLine(program, settings, address), address.host);
  }
  const client = await connectTo(settings, address, messages, interruption);
  try {
    const sftp = await client.sftp({
      signal: interruption.signal,
      blockLength,
      ...(subsystem?.includes('/') === true ? { command: subsystem } : { subsystem }),
    });
    return fileSession(sftp, address.host, client.closed, async () => {
      await sftp.close().catch(() => {});
      await client.close();
    });
  } catch (error) {
    await client.close();
    throw error;
  }
}

async function overPipes(
  settings: ConnectionSettings,
  argv: readonly string[],
  name: string,
): Promise<FileSession> {
  const { clock } = nodePlatform;
  const host = escapeText(name, 300);
  const channel = new PipeChannel({ argv, host, clock });
  const platform = { ...(await nodePlatform.files()), clock, run: undefined };
  const sftp = await Sftp.open(channel, limitsOf(settings), platform, {
    blockLength: settings.blockLength,
  });
  return fileSession(sftp, name, channel.closed, () => sftp.close());
}

function limitsOf({ requests }: ConnectionSettings): Limits {
  return requests === undefined ? defaultLimits : { ...defaultLimits, sftpRequestsPerFile: requests };
}

function fileSession(
  sftp: Sftp,
  name: string,
  ended: Promise<unknown>,
  close: () => Promise<void>,
): FileSession {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  return {
    sftp,
    name,
    ended,
    close,
    get isOver() {
      return isOver;
    },
  };
}
