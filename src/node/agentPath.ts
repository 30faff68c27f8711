/**
 * Where the user's authentication agent listens.
 *
 * Owns: the place, by the environment and the system.
 * Must not know: what an agent does.
 */

/** Where the agent of Windows listens. */
const windowsAgent = String.raw`\\.\pipe\openssh-ssh-agent`;

/** Undefined where there is no agent. */
export function userAgentPath(): string | undefined {
  const path = process.env['SSH_AUTH_SOCK'];
  if (path !== undefined && path !== '') return path;
  return process.platform === 'win32' ? windowsAgent : undefined;
}
