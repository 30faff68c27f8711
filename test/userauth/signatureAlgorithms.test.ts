/** RFC 8332 §3, RFC 8308 §3.1: the algorithms that a key is tried with, as laws over everything a server may announce. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { acceptedAlgorithmsFor, publickeyAlgorithmsFor } from '../../src/userauth/signatureAlgorithms.ts';

const suffix = '-cert-v01@openssh.com';
const sha2 = ['rsa-sha2-512', 'rsa-sha2-256'];
const plain = ['ssh-ed25519', 'ecdsa-sha2-nistp256', ...sha2, 'ssh-rsa'];
const any = fc.uniqueArray(fc.constantFrom(...plain, ...plain.map((name) => name + suffix), 'x@y'));
const rsaTypes = fc.constantFrom('ssh-rsa', `ssh-rsa${suffix}`);
const otherTypes = fc.constantFrom('ssh-ed25519', `ssh-ed25519${suffix}`, 'ecdsa-sha2-nistp256');
const typeOf = (name: string): string => name.replace(/^rsa-sha2-(256|512)/, 'ssh-rsa');
/** Whether a server that announces these takes the algorithm: it may list a certificate's, or the plain one. */
const takes = (announced: readonly string[], name: string): boolean =>
  announced.includes(name) || announced.includes(name.replace(suffix, ''));

describe('a key whose algorithms the user has named', () => {
  it('is tried with all of them that are for it, in their order, where the server announced nothing', () => {
    fc.assert(
      fc.property(fc.oneof(rsaTypes, otherTypes), any, (type, accepted) => {
        const own = accepted.filter((name) => typeOf(name) === type);
        expect(acceptedAlgorithmsFor(type, undefined, accepted)).toEqual(own);
      }),
    );
  });

  it('of RSA is tried once, with the first of them that the server takes, and not where it takes none', () => {
    fc.assert(
      fc.property(rsaTypes, any, any, (type, announced, accepted) => {
        const own = accepted.filter((name) => typeOf(name) === type);
        const best = own.find((name) => takes(announced, name));
        expect(acceptedAlgorithmsFor(type, announced, accepted)).toEqual(best === undefined ? [] : [best]);
      }),
    );
  });

  it('of another kind has one algorithm, whatever the server announced, and none where it is not named', () => {
    fc.assert(
      fc.property(otherTypes, any, any, (type, announced, accepted) => {
        expect(acceptedAlgorithmsFor(type, announced, accepted)).toEqual(
          accepted.includes(type) ? [type] : [],
        );
      }),
    );
  });
});

describe('a key of RSA', () => {
  it('is tried with both of SHA-2 where no name says otherwise, and with SHA-1 where it is named alone', () => {
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined)).toEqual(sha2);
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined, ['ssh-ed25519'])).toEqual(sha2);
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined, ['ssh-rsa'])).toEqual(['ssh-rsa']);
    expect(publickeyAlgorithmsFor('ssh-rsa', undefined, ['ssh-rsa', 'rsa-sha2-256'])).toEqual([
      'rsa-sha2-256',
      'ssh-rsa',
    ]);
    // No certificate is signed over SHA-1.
    expect(publickeyAlgorithmsFor(`ssh-rsa${suffix}`, undefined, ['ssh-rsa'])).toEqual(
      sha2.map((name) => name + suffix),
    );
  });

  it('is tried once where the server announced something: with the best that it takes', () => {
    fc.assert(
      fc.property(rsaTypes, any, any, (type, announced, named) => {
        const all = publickeyAlgorithmsFor(type, undefined, named);
        const best = all.find((name) => takes(announced, name));
        expect(publickeyAlgorithmsFor(type, announced, named)).toEqual(best === undefined ? [] : [best]);
      }),
    );
  });
});
