/**
 * What a caller gives as a public key.
 *
 * Owns: the check of it, and what to give in place of a private key or a file.
 * Must not know: formats, what the key is for.
 */
import { isObject, type OptionRule } from '../base/optionChecks.ts';

/** A private key has its public one in it, and is not that. */
export const publicKeyRule: OptionRule = {
  takes: 'a public key, such as parsePublicKey(…).publicKey or the publicKey of a private key',
  accepts: (value) =>
    isObject(value) && typeof value['type'] === 'string' && value['publicKey'] === undefined,
};
