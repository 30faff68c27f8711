/**
 * A connection of this library's own, for the file commands.
 *
 * Owns: the words of ssh's command line turned into a dial; the person who may be asked meanwhile.
 * Must not know: files.
 */

import { optionsError } from '../../../base/optionChecks.ts';
import type { Client } from '../../../client/client.ts';
import { dial } from '../../connection/dial.ts';
import { TerminalPerson } from '../../connection/person.ts';
import { hearConfiguration, resolveLine } from '../../connection/resolution.ts';
import { Trace } from '../../connection/trace.ts';
import { warningsAbout } from '../../connection/warnings.ts';
import type { Interruption } from '../../interruption.ts';
import type { Messages } from '../../messages.ts';
import { parseCommandLine } from '../../remote/arguments.ts';
import type { ConnectionSettings, ServerAddress } from './connectionWords.ts';

/** @throws SshError as `connect` */
export async function connectTo(
  { words, ownWords, isBatch, requests }: ConnectionSettings,
  { host, username, port }: ServerAddress,
  messages: Messages,
  interruption: Interruption,
): Promise<Client> {
  const args = parseCommandLine([
    ...words,
    ...ownWords,
    ...(port === undefined ? [] : ['-p', String(port)]),
    ...(username === undefined ? [] : ['-l', username]),
    '--',
    host.includes(':') ? `[${host}]` : host,
  ]);
  if (args.mode !== 'ssh') throw optionsError('these options make no connection');
  const trace = new Trace(0, messages);
  const stopWatching = trace.watch();
  const person = isBatch ? undefined : TerminalPerson.find(() => interruption.interrupt('SIGINT'));
  try {
    const limits = requests === undefined ? {} : { sftpRequestsPerFile: requests };
    const { signal } = interruption;
    const resolved = await resolveLine(args, { person, messages, signal });
    hearConfiguration(resolved, trace, messages);
    const { timeout, algorithms: preset } = args;
    const client = await dial(resolved, {
      person,
      trace,
      messages,
      signal,
      timeout,
      preset,
      options: { limits },
    });
    for (const warning of warningsAbout(client.negotiated)) trace.note(warning);
    return client;
  } finally {
    person?.close();
    stopWatching();
  }
}
