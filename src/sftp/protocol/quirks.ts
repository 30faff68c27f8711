/**
 * Where implementations differ and only their identification tells.
 *
 * Owns: the order of SYMLINK's two paths (draft-ietf-secsh-filexfer-02 §6.10, OpenSSH PROTOCOL §4.1).
 * Must not know: conversations.
 */

/** `target`: what the link leads to comes first, as in OpenSSH. `link`: the link itself does, as in the draft. */
export type SymlinkOrder = 'target' | 'link';

/**
 * The order that a peer with this identification uses with us. Almost all follow
 * OpenSSH. The two that follow the draft make an exception for peers that say
 * they are OpenSSH, and we do not say so.
 */
export function symlinkOrderOf(identification: string): SymlinkOrder {
  return /^SSH-[\d.]+-(?:AsyncSSH|ssh2js)/i.test(identification) ? 'link' : 'target';
}
