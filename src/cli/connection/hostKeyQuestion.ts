/**
 * A host key that nobody vouches for is shown to the person at the terminal.
 *
 * Owns: the question and what counts as an answer.
 * Must not know: which keys are known (the policy beneath says so). A key that
 * has changed or was revoked is never asked about.
 */
import { SshError } from '../../base/errors.ts';
import { shownHost } from '../../client/dial/hostName.ts';
import type { HostKeyDial, HostKeyInfo, HostKeyPolicy, LockBounds } from '../../client/hostKeys/hostKeys.ts';
import type { FingerprintHash } from '../../keys/fingerprintBy.ts';
import { keyPicture, sha256Fingerprint } from '../../node/fingerprints.ts';
import { messageOf } from '../errorWords.ts';
import type { Person } from './person.ts';

/** Keeps an accepted key; returns where. Another program's lock on the file is waited for within the bounds. */
export type KeepHostKey = (info: HostKeyInfo, bounds?: LockBounds) => Promise<string>;

/** The policy beneath, and for keys it does not know the person's word. */
export function askAboutUnknownKeys(policy: HostKeyPolicy, person: Person, keep: KeepHostKey): HostKeyPolicy {
  return {
    ...policy,
    verify: async (info, dial) => {
      try {
        return await policy.verify(info, dial);
      } catch (error) {
        if (!(error instanceof SshError) || error.code !== 'ERR_SSH_HOST_KEY_UNKNOWN') throw error;
      }
      if (!(await isAccepted(info, person, policy.fingerprintHash))) throw refused(info);
      person.show(await kept(info, keep, dial));
      return true;
    },
  };
}

async function isAccepted(
  info: HostKeyInfo,
  person: Person,
  hash: FingerprintHash = 'sha256',
): Promise<boolean> {
  const { type, fingerprint, key, blob } = info;
  person.show(
    `The host key of ${shownHost(info)} is not known.\n${type} ${fingerprint}\n${keyPicture(key, hash)}\n`,
  );
  // Whichever of the two its owner has told.
  const told = [fingerprint, sha256Fingerprint(blob)];
  let question = 'Is it the right one? (yes, no, or the fingerprint you were told) ';
  for (;;) {
    const answer = (await person.ask(question))?.trim();
    if (answer === undefined || /^no?$/i.test(answer)) return false;
    if (/^yes$/i.test(answer) || told.includes(answer)) return true;
    if (/^(MD5|SHA\d+):/.test(answer)) {
      person.show('That is not the fingerprint of this key.\n');
      return false;
    }
    question = 'Please type yes, no or the fingerprint: ';
  }
}

async function kept(info: HostKeyInfo, keep: KeepHostKey, dial: HostKeyDial | undefined): Promise<string> {
  try {
    const file = await (dial === undefined
      ? keep(info)
      : dial.whileLocked('the lock on the known hosts file', (bounds) => keep(info, bounds)));
    return `Added ${shownHost(info)} to ${file}.\n`;
  } catch (error) {
    return `Accepted for this time; it could not be kept: ${messageOf(error)}\n`;
  }
}

function refused(info: HostKeyInfo): SshError {
  return new SshError(
    'ERR_SSH_HOST_KEY_REJECTED',
    `the host key of ${shownHost(info)} (${info.type} ${info.fingerprint}) was not accepted`,
    { phase: 'keyExchange', origin: 'user' },
  );
}
