/**
 * Addresses of hosts for properties, of every kind that a person may type.
 *
 * Owns: the arbitraries. Zones are those of interfaces of Linux, BSD and Windows,
 * and letters that RFC 6874 lets stand in one.
 */
import fc from 'fast-check';

const names = fc.constantFrom('eth0', 'lo', 'br-3f2a', 'en0.100', 'wlan0_ap', 'vpn~1', '1', '17');
const others = fc.string({ unit: fc.constantFrom(...'aZ09._~-'), minLength: 1, maxLength: 15 });

/** An address of a link: `fe80::1%eth0` (RFC 4007 §11). */
export const scopedAddress: fc.Arbitrary<string> = fc
  .tuple(
    fc.oneof(fc.ipV6(), fc.constantFrom('fe80::1', 'ff02::1', 'FE80::5054:ff:fe12:3456')),
    fc.oneof(names, others),
  )
  .map((both) => both.join('%'));

/** A numeric address of version 4 or 6, with a zone or without. */
export const numericAddress: fc.Arbitrary<string> = fc.oneof(fc.ipV4(), fc.ipV6(), scopedAddress);
