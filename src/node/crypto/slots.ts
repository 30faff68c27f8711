/**
 * The slots of the implementations on OpenSSL, one set for the whole process.
 *
 * Owns: the trial of each family before its first use. Runtimes with a
 * node:crypto of their own differ in what it holds (Deno has no ECDH over P-521,
 * only recent Node has ML-KEM, FIPS mode has no X25519); where a trial fails,
 * the TypeScript code serves.
 * Must not know: SSH.
 */
import { equalBytes } from '../../base/bytes.ts';
import { curves } from '../../crypto/kex/curves.ts';
import {
  nobleCurve448Slot,
  nobleCurve25519Slot,
  nobleMlKem768Slot,
  nobleNistCurveSlots,
} from '../../crypto/noble/slots.ts';
import type {
  Curve448,
  Curve25519,
  MlKem768,
  NistCurve,
  Sntrup761,
} from '../../crypto/provider/primitives.ts';
import type { CurveName } from '../../crypto/provider/provider.ts';
import { ImportedSlot, PreferredSlot, type Slot } from '../../crypto/provider/slot.ts';
import { opensslCurve448 } from './curve448.ts';
import { opensslCurve25519 } from './curve25519.ts';
import { opensslMlKem768 } from './mlKem768.ts';
import { opensslNistCurve } from './nistCurves.ts';

export const opensslCurve25519Slot: Slot<Curve25519> = new PreferredSlot(
  opensslCurve25519,
  curve25519Works,
  nobleCurve25519Slot,
);

export const opensslCurve448Slot: Slot<Curve448> = new PreferredSlot(
  opensslCurve448,
  curve448Works,
  nobleCurve448Slot,
);

export const opensslMlKem768Slot: Slot<MlKem768> = new PreferredSlot(
  opensslMlKem768,
  mlKem768Works,
  nobleMlKem768Slot,
);

/** OpenSSL has none; its hash spares the load of another. */
export const opensslSntrup761Slot: Slot<Sntrup761> = new ImportedSlot(
  'sntrup761',
  async () => (await import('./sntrup761.ts')).opensslSntrup761,
);

export const opensslSntrup761BatchSlot: Slot<Sntrup761> = new ImportedSlot(
  'sntrup761',
  async () => (await import('./sntrup761.ts')).opensslSntrup761InBatches,
);

export const opensslNistCurveSlots: { readonly [C in CurveName]: Slot<NistCurve> } = {
  nistp256: nistCurveSlot('nistp256'),
  nistp384: nistCurveSlot('nistp384'),
  nistp521: nistCurveSlot('nistp521'),
};

function nistCurveSlot(curve: CurveName): Slot<NistCurve> {
  return new PreferredSlot(
    opensslNistCurve(curve),
    (functions) => nistCurveWorks(functions, curve),
    nobleNistCurveSlots[curve],
  );
}

const trialSecret = new Uint8Array(32).fill(0x42);
const trialData = Uint8Array.of(1, 2, 3);

function curve25519Works(functions: Curve25519): boolean {
  const secret = functions.x25519(trialSecret, functions.x25519PublicKey(trialSecret));
  const signature = functions.ed25519Sign(trialSecret, trialData);
  const publicKey = functions.ed25519PublicKey(trialSecret);
  return secret.length === 32 && functions.ed25519Verify(publicKey, trialData, signature);
}

function curve448Works(functions: Curve448): boolean {
  const [trialX448, trialSeed] = [new Uint8Array(56).fill(0x42), new Uint8Array(57).fill(0x42)];
  const secret = functions.x448(trialX448, functions.x448PublicKey(trialX448));
  const signature = functions.ed448Sign(trialSeed, trialData);
  return (
    secret.length === 56 && functions.ed448Verify(functions.ed448PublicKey(trialSeed), trialData, signature)
  );
}

/** The cheapest calls that show that the curve, its keys and the form of its signatures are known: some cost 7 ms. */
function nistCurveWorks(functions: NistCurve, curve: CurveName): boolean {
  const { length } = curves[curve];
  const scalar = new Uint8Array(length);
  scalar[length - 1] = 1;
  const point = functions.publicKey(scalar);
  const signature = new Uint8Array(2 * length);
  signature[length - 1] = 1;
  signature[2 * length - 1] = 1;
  return point.length === 1 + 2 * length && !functions.verify(point, trialData, signature);
}

function mlKem768Works(functions: MlKem768): boolean {
  const { publicKey, secretKey } = functions.generate(new Uint8Array(64).fill(0x42));
  const { ciphertext, sharedSecret } = functions.encapsulate(publicKey, trialSecret);
  return equalBytes(functions.decapsulate(ciphertext, secretKey), sharedSecret);
}
