/**
 * Streamlined NTRU Prime with the SHA-512 of @noble.
 *
 * Owns: the choice of the hash.
 * Must not know: SSH.
 */
import { sha512 } from '@noble/hashes/sha2.js';
import { createSntrup761 } from '../handwritten/ntruPrime/sntrup761.ts';
import type { Sntrup761 } from '../provider/primitives.ts';

export const nobleSntrup761: Sntrup761 = createSntrup761(sha512);
