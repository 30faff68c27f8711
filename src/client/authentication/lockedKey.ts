/**
 * A private key that stays encrypted until a signature is wanted.
 *
 * Owns: when the caller is asked for a passphrase, how often, that a key nobody
 * opened is asked about once, and that work nobody waits for any more is given up.
 * Must not know: in which order keys are tried, how a file is decrypted (`keys/`).
 */
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import { parseWithPauses, type UnlockSettings } from '../../endpoint/privateKeys.ts';
import type { PassphraseFunction } from './methods.ts';

/** A passphrase function is asked this often, as ssh asks a person. */
const passphraseAttempts = 3;

/** One who waits for a key to be unlocked, and is told what that waits for. */
export interface KeyWaiter {
  /** The caller's function is asked for the passphrase. */
  asking(): void;
  /** The key is derived from the passphrase, which is work of this side. */
  deriving(): void;
}

export class LockedKey {
  /** The public half; undefined while it is encrypted as well. */
  publicKey: PublicKey | undefined;
  certificates: readonly Certificate[] = [];
  private readonly bytes: Uint8Array;
  private readonly passphrase: PassphraseFunction;
  private readonly settings: UnlockSettings;
  private readonly attempts: number;
  private opened: PrivateKey | undefined;
  private refused = false;
  private unlocking: Promise<PrivateKey | undefined> | undefined;
  private readonly waiters = new Set<KeyWaiter>();
  private isDeriving = false;

  constructor(
    bytes: Uint8Array,
    publicKey: PublicKey | undefined,
    passphrase: PassphraseFunction,
    settings: UnlockSettings,
    attempts: number = passphraseAttempts,
  ) {
    this.bytes = bytes;
    this.publicKey = publicKey;
    this.passphrase = passphrase;
    this.settings = settings;
    this.attempts = attempts;
  }

  /** Nobody will open it: it is of no more use. */
  get isRefused(): boolean {
    return this.refused;
  }

  /**
   * The key, after asking for its passphrase where that has not been done;
   * undefined when none was given or none of those given was right. Those who
   * ask for it at the same time wait for the same answer, each until it leaves.
   *
   * @throws SshError `ERR_SSH_KEY_…` for whatever is wrong with the key but the passphrase
   */
  async unlock(waiter: KeyWaiter = newWaiter()): Promise<PrivateKey | undefined> {
    if (this.opened !== undefined || this.refused) return this.opened;
    this.waiters.add(waiter);
    this.tell(waiter);
    this.unlocking ??= this.ask().finally(() => {
      this.unlocking = undefined;
      this.isDeriving = false;
    });
    try {
      return await this.unlocking;
    } finally {
      this.leave(waiter);
    }
  }

  /** It waits no longer. Once nobody does, the work is given up; a passphrase has to be asked for anew. */
  leave(waiter: KeyWaiter): void {
    this.waiters.delete(waiter);
  }

  private tell(waiter: KeyWaiter): void {
    if (this.isDeriving) waiter.deriving();
    else waiter.asking();
  }

  private enter(isDeriving: boolean): void {
    this.isDeriving = isDeriving;
    for (const waiter of this.waiters) this.tell(waiter);
  }

  private async ask(): Promise<PrivateKey | undefined> {
    for (let attempt = 1; attempt <= this.attempts && this.opened === undefined; attempt++) {
      if (this.isDeriving) this.enter(false);
      const given = await askUser('passphrase', () => this.passphrase({ attempt }), {
        phase: 'authentication',
      });
      if (given === undefined) break;
      if (typeof given !== 'string') {
        throw optionsError(`passphrase must answer with text or undefined, not ${typeof given}`);
      }
      this.enter(true);
      this.opened = await this.tryPassphrase(given);
      this.publicKey = this.opened?.publicKey ?? this.publicKey;
    }
    this.refused = this.opened === undefined;
    return this.opened;
  }

  private async tryPassphrase(passphrase: string): Promise<PrivateKey | undefined> {
    const betweenSteps = (): void => {
      if (this.waiters.size === 0) throw abandoned();
    };
    betweenSteps();
    try {
      return (await parseWithPauses(this.bytes, passphrase, this.settings, betweenSteps)).privateKey;
    } catch (error) {
      if (error instanceof SshError && error.code === 'ERR_SSH_KEY_PASSPHRASE') return undefined;
      throw error;
    }
  }
}

function newWaiter(): KeyWaiter {
  return { asking: () => {}, deriving: () => {} };
}

/** Nobody is there to hear it. */
function abandoned(): SshError {
  return new SshError('ERR_SSH_ABORTED', 'nobody waits for the private key any more', {
    phase: 'authentication',
    origin: 'local',
  });
}
