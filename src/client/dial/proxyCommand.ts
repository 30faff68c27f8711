/**
 * A program that leads to the server, for `proxyCommand`.
 *
 * Owns: what may be given, and the tokens that stand for the target in it.
 * Must not know: how a program is started.
 * Source: ssh_config(5), TOKENS.
 *
 * A command that is one string goes through a shell: what a token stands for must
 * then mean nothing to it (CVE-2023-51385).
 */
import { quotedText } from '../../base/bytes.ts';
import { checkForeignText, type OptionRule, optionsError, secretly } from '../../base/optionChecks.ts';

/** A line for the shell, or a program and its arguments. */
export type ProxyCommand = string | readonly string[];

export const proxyCommandRule: OptionRule = secretly({
  takes: 'a command for the shell, or a list of a program and its arguments',
  accepts: (value) =>
    Array.isArray(value)
      ? value.length > 0 && value[0] !== '' && value.every((word) => typeof word === 'string')
      : typeof value === 'string' && value.trim() !== '',
});

/** What the tokens stand for. */
export interface CommandTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** As the caller named it. */
  readonly name: string;
}

/**
 * The command for a target: `%h` is its host, `%p` its port, `%r` the user, `%n` the
 * host as it was given, `%%` a percent sign.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for another token, and for a host or a user that a shell or a program could take for more
 */
export function expandCommand(command: ProxyCommand, target: CommandTarget): ProxyCommand {
  if (typeof command !== 'string') return command.map((word) => expanded(word, target, false));
  return expanded(command, target, true);
}

function expanded(text: string, target: CommandTarget, isForShell: boolean): string {
  checkForeignText('proxyCommand', text);
  return text.replace(/%(.?)/gs, (_token, letter: string) => {
    switch (letter) {
      case '%':
        return '%';
      case 'p':
        return String(target.port);
      case 'h':
        return harmless('host', target.host, isForShell);
      case 'n':
        return harmless('host', target.name, isForShell);
      case 'r':
        return harmless('username', target.username, isForShell);
      default:
        throw optionsError(`proxyCommand has ${quotedText(`%${letter}`)}; it knows %h, %p, %r, %n and %%`);
    }
  });
}

function harmless(option: string, value: string, isForShell: boolean): string {
  if (value.startsWith('-') || (isForShell && !/^[\w.:@%+-]+$/.test(value))) {
    throw optionsError(`${option} has characters that are not safe in a proxyCommand: ${quotedText(value)}`);
  }
  return value;
}
