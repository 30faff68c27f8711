/**
 * A client that asks to be let in by whatever a test wants, one request after the other.
 *
 * Owns: the conversation up to its end, and what the server answered.
 * Must not know: what the server is to answer.
 */

import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import type { ClientEvent } from '../../src/protocol/client.ts';
import { seededBytes } from './conversation.ts';
import { RawClient } from './rawClient.ts';

const provider = createEagerNobleProvider({ randomBytes: seededBytes(77) });

export function userKey(seed: number): PrivateKey {
  return generateKey('ed25519', { randomBytes: seededBytes(seed) });
}

/** One request of a client. */
export type Try =
  | 'none'
  | { readonly password: string; readonly changeTo?: string }
  | { readonly answers: readonly string[] }
  | { readonly key: PrivateKey; readonly query?: boolean; readonly forged?: boolean };

/** What a server said to the tries, in their order. */
export type Answer =
  | 'success'
  | 'keyWouldDo'
  | { readonly canContinue: readonly string[]; readonly partial: boolean }
  /** It ended the connection. */
  | 'end';

/** Makes the tries, until one succeeds or the server ends the connection. */
export async function logIn(port: number, tries: readonly Try[]): Promise<Answer[]> {
  using client = new RawClient(port);
  const { core } = client;
  const left = [...tries];
  const answers: Answer[] = [];
  let current: Try | undefined;
  let finish: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const attempt = (): void => {
    current = left.shift();
    if (current === undefined) return finish();
    if (current === 'none') core.attempt({ method: 'none' });
    else if ('password' in current) core.attempt({ method: 'password', password: current.password });
    else if ('answers' in current) core.attempt({ method: 'keyboard-interactive', submethods: '' });
    else {
      const publicKey = encodePublicKey(current.key.publicKey);
      core.attempt({
        method: 'publickey',
        algorithm: 'ssh-ed25519',
        publicKey,
        probe: current.query === true,
      });
    }
  };
  const handle = (event: ClientEvent): void => {
    switch (event.type) {
      case 'hostKey':
        return core.acceptHostKey();
      case 'methodWanted':
        if (current !== undefined) {
          const { methodsThatCanContinue: canContinue, partialSuccess: partial } = event;
          answers.push({ canContinue, partial });
        }
        return attempt();
      case 'signatureWanted': {
        if (typeof current !== 'object' || !('key' in current)) return;
        if (current.query === true) {
          answers.push('keyWouldDo');
          current = undefined;
          return core.signatureFailed();
        }
        const signer = current.forged === true ? userKey(4_711) : current.key;
        return core.sign(encodeSignature('ssh-ed25519', provider.sign('ssh-ed25519', signer, event.data)));
      }
      case 'promptsWanted':
        if (typeof current === 'object' && 'answers' in current) core.answerPrompts(current.answers);
        return;
      case 'passwordChangeWanted':
        if (typeof current !== 'object' || !('password' in current) || current.changeTo === undefined) {
          return core.refusePasswordChange();
        }
        return core.changePassword(current.password, current.changeTo);
      case 'authenticated':
        answers.push('success');
        return finish();
      default:
    }
  };
  client.onEvent = handle;
  void client.closed.then(() => {
    answers.push('end');
    finish();
  });
  await over;
  return [...answers];
}
