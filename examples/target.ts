/** What the examples share: `user@host:port` on their command line, and the key they log in with. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { ConnectOptions } from 'deadline-ssh';

/**
 * Options for `[user@]host[:port]`, with `~/.ssh/id_ed25519` where that file is
 * there, and the keys of the agent where it is not. Host keys are checked against
 * `~/.ssh/known_hosts`: that is the default.
 */
export function optionsFor(target: string): ConnectOptions {
  const at = target.lastIndexOf('@');
  const [host = '', port = '22'] = target.slice(at + 1).split(':');
  const keyFile = join(homedir(), '.ssh', 'id_ed25519');
  return {
    host,
    port: Number(port),
    username: at < 0 ? userInfo().username : target.slice(0, at),
    ...(existsSync(keyFile) ? { privateKey: readFileSync(keyFile) } : {}),
  };
}

/** The arguments of the program; where some are missing it says how to call it and ends. */
export function argumentsOr(usage: string, least: number): string[] {
  const given = process.argv.slice(2);
  if (given.length >= least) return given;
  console.error(`usage: ${usage}`);
  process.exit(2);
}
