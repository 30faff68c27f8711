/**
 * Both providers against published values.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/base/bytes.ts';
import { nobleMlKem768 } from '../../src/crypto/noble/mlKem768.ts';
import type { CurveName, Digest, HashName } from '../../src/crypto/provider/provider.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { ecdsaKey, ed25519Key, providers, utf8 } from './support.ts';

function finish(digest: Digest, data: Uint8Array): string {
  digest.update(data.subarray(0, 1));
  digest.update(data.subarray(1));
  return toHex(digest.digest());
}

describe.each(providers)('%s', (_, provider) => {
  describe('hashes of "abc" (RFC 1321 A.5; FIPS 180-4, NIST examples)', () => {
    const digests: readonly [HashName, string][] = [
      ['md5', '900150983cd24fb0d6963f7d28e17f72'],
      ['sha1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
      ['sha256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
      [
        'sha384',
        'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7',
      ],
      [
        'sha512',
        'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
      ],
    ];
    it.each(digests)('%s', (name, expected) => {
      expect(finish(provider.createHash(name), utf8('abc'))).toBe(expected);
    });
  });

  describe('HMAC', () => {
    const long = new Uint8Array(131).fill(0xaa);
    const longText = 'Test Using Larger Than Block-Size Key - Hash Key First';
    const macs: readonly [string, HashName, Uint8Array, string, string][] = [
      [
        'RFC 2202 §2 case 1',
        'md5',
        new Uint8Array(16).fill(0x0b),
        'Hi There',
        '9294727a3638bb1c13f48ef8158bfc9d',
      ],
      [
        'RFC 2202 §3 case 1',
        'sha1',
        new Uint8Array(20).fill(0x0b),
        'Hi There',
        'b617318655057264e28bc0b6fb378c8ef146be00',
      ],
      [
        'RFC 4231 §4.2',
        'sha256',
        new Uint8Array(20).fill(0x0b),
        'Hi There',
        'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
      ],
      [
        'RFC 4231 §4.2',
        'sha384',
        new Uint8Array(20).fill(0x0b),
        'Hi There',
        'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
      ],
      [
        'RFC 4231 §4.2',
        'sha512',
        new Uint8Array(20).fill(0x0b),
        'Hi There',
        '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
      ],
      [
        'RFC 4231 §4.3',
        'sha256',
        utf8('Jefe'),
        'what do ya want for nothing?',
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      ],
      [
        'RFC 4231 §4.3',
        'sha512',
        utf8('Jefe'),
        'what do ya want for nothing?',
        '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
      ],
      [
        'RFC 4231 §4.7, a key longer than a block',
        'sha256',
        long,
        longText,
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      ],
      [
        'RFC 4231 §4.7, a key longer than a block',
        'sha512',
        long,
        longText,
        '80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598',
      ],
    ];
    it.each(macs)('%s with %s', (_source, name, key, data, expected) => {
      expect(finish(provider.createHmac(name, key), utf8(data))).toBe(expected);
    });
  });

  describe('X25519', () => {
    const products: readonly [string, string, string, string][] = [
      [
        'RFC 7748 §5.2, first',
        'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
        'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
        'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
      ],
      [
        'RFC 7748 §5.2, second: the top bit of u is ignored',
        '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
        'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
        '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
      ],
      [
        'RFC 7748 §6.1',
        '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
        'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
        '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742',
      ],
    ];
    it.each(products)('%s', (_source, secret, point, expected) => {
      expect(toHex(provider.x25519.sharedSecret(fromHex(secret), fromHex(point)))).toBe(expected);
    });

    it('RFC 7748 §5.2, iterated once and a thousand times', () => {
      let k = fromHex(`09${'00'.repeat(31)}`);
      let u = k;
      const results: string[] = [];
      for (let i = 0; i < 1000; i++) {
        [k, u] = [provider.x25519.sharedSecret(k, u), k];
        results.push(toHex(k));
      }
      expect(results[0]).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
      expect(results[999]).toBe('684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51');
    });
  });

  describe('X448', () => {
    const products: readonly [string, string, string, string][] = [
      [
        'RFC 7748 §5.2, first',
        '3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3',
        '06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086',
        'ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f',
      ],
    ];
    it.each(products)('%s', (_source, secret, point, expected) => {
      expect(toHex(provider.x448.sharedSecret(fromHex(secret), fromHex(point)))).toBe(expected);
    });

    it('RFC 7748 §5.2, iterated once', () => {
      const five = fromHex(`05${'00'.repeat(55)}`);
      expect(toHex(provider.x448.sharedSecret(five, five))).toBe(
        '3f482c8a9f19b01e6c46ee9711d9dc14fd4bf67af30765c2ae2b846a4d23a8cd0db897086239492caf350b51f833868b9bc2b3bca9cf4113',
      );
    });
  });

  describe('Ed448 (RFC 8032 §7.4)', () => {
    it('blank', () => {
      const seed = fromHex(
        '6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b',
      );
      const point = fromHex(
        '5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180',
      );
      const publicKey = { type: 'ssh-ed448', point } as const;
      const signature = provider.sign('ssh-ed448', { type: 'ssh-ed448', publicKey, seed }, new Uint8Array(0));
      expect(toHex(signature)).toBe(
        '533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b4104852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600',
      );
      expect(provider.verify('ssh-ed448', publicKey, new Uint8Array(0), signature)).toBe(true);
      expect(provider.verify('ssh-ed448', publicKey, Uint8Array.of(0), signature)).toBe(false);
    });
  });

  describe('ECDH (NIST CAVP, ECC CDH primitive, count 0)', () => {
    const agreements: readonly [CurveName, string, string, string][] = [
      [
        'nistp256',
        '7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534',
        '700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac',
        '46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b',
      ],
      [
        'nistp384',
        '3cc3122a68f0d95027ad38c067916ba0eb8c38894d22e1b15618b6818a661774ad463b205da88cf699ab4d43c9cf98a1',
        'a7c76b970c3b5fe8b05d2838ae04ab47697b9eaf52e764592efda27fe7513272734466b400091adbf2d68c58e0c50066ac68f19f2e1cb879aed43a9969b91a0839c4c38a49749b661efedf243451915ed0905a32b060992b468c64766fc8437a',
        '5f9d29dc5e31a163060356213669c8ce132e22f57c9a04f40ba7fcead493b457e5621e766c40a2e3d4d6a04b25e533f1',
      ],
      [
        'nistp521',
        '017eecc07ab4b329068fba65e56a1f8890aa935e57134ae0ffcce802735151f4eac6564f6ee9974c5e6887a1fefee5743ae2241bfeb95d5ce31ddcb6f9edb4d6fc47',
        '00685a48e86c79f0f0875f7bc18d25eb5fc8c0b07e5da4f4370f3a9490340854334b1e1b87fa395464c60626124a4e70d0f785601d37c09870ebf176666877a2046d01ba52c56fc8776d9e8f5db4f0cc27636d0b741bbe05400697942e80b739884a83bde99e0f6716939e632bc8986fa18dccd443a348b6c3e522497955a4f3c302f676',
        '005fc70477c3e63bc3954bd0df3ea0d1f41ee21746ed95fc5e1fdf90930d5e136672d72cc770742d1711c3c3a4c334a0ad9759436a4d3c5bf6e74b9578fac148c831',
      ],
    ];
    it.each(agreements)('%s', (curve, scalar, point, expected) => {
      const secret = provider.ecdh(curve).sharedSecret(fromHex(scalar), fromHex(`04${point}`));
      expect(toHex(secret)).toBe(expected);
    });
  });

  describe('Ed25519 (RFC 8032 §7.1)', () => {
    const signatures: readonly [string, string, string, string, string][] = [
      [
        'test 1',
        '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
        'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
        '',
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
      ],
      [
        'test 2',
        '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
        '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
        '72',
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
      ],
      [
        'test 3',
        'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
        'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
        'af82',
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
      ],
    ];
    it.each(signatures)('%s', (_source, seed, point, message, expected) => {
      const key = ed25519Key(fromHex(seed), fromHex(point));
      const data = fromHex(message);
      const signature = provider.sign('ssh-ed25519', key, data);
      expect(toHex(signature)).toBe(expected);
      expect(provider.verify('ssh-ed25519', key.publicKey, data, signature)).toBe(true);
    });
  });

  describe('CVE-2024-31497: deterministic ECDSA (RFC 6979 A.2.5 to A.2.7)', () => {
    const p256 = 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721';
    const p384 =
      '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5';
    const p521 =
      '00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538';
    const signatures: readonly [CurveName, string, string, string, string][] = [
      [
        'nistp256',
        'sample',
        p256,
        'efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716',
        'f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
      ],
      [
        'nistp256',
        'test',
        p256,
        'f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367',
        '019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
      ],
      [
        'nistp384',
        'sample',
        p384,
        '94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46',
        '99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
      ],
      [
        'nistp521',
        'sample',
        p521,
        '00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add152b534931d7d4e8455cc91f9b15bf05ec36e377fa',
        '00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37ff0777b1a20f8ccb1dccc43997f1ee0e44da4a67a',
      ],
    ];
    it.each(signatures)('%s, message "%s"', (curve, message, scalar, r, s) => {
      const key = ecdsaKey(curve, fromHex(scalar));
      const signature = provider.sign(key.type, key, utf8(message));
      const expected = new WireWriter().mpint(fromHex(r)).mpint(fromHex(s)).copyWritten();
      expect(toHex(signature)).toBe(toHex(expected));
      expect(provider.verify(key.type, key.publicKey, utf8(message), signature)).toBe(true);
    });
  });
});

/**
 * Go, crypto/mlkem, TestAccumulated: seeds, messages and random ciphertexts from
 * one SHAKE-128; keys, ciphertexts and secrets into another.
 */
it('ML-KEM-768: a hundred rounds hash to the value Go publishes for its implementation of FIPS 203', () => {
  const rounds = 100;
  const stream = createHash('shake128', { outputLength: rounds * (64 + 32 + 1088) }).digest();
  let position = 0;
  const take = (length: number): Uint8Array => {
    position += length;
    return new Uint8Array(stream.subarray(position - length, position));
  };
  const all: Uint8Array[] = [];
  for (let i = 0; i < rounds; i++) {
    const { publicKey, secretKey } = nobleMlKem768.generate(take(64));
    const { ciphertext, sharedSecret } = nobleMlKem768.encapsulate(publicKey, take(32));
    expect(nobleMlKem768.decapsulate(ciphertext, secretKey)).toEqual(sharedSecret);
    all.push(publicKey, ciphertext, sharedSecret, nobleMlKem768.decapsulate(take(1088), secretKey));
  }
  const accumulated = createHash('shake128', { outputLength: 32 }).update(concatBytes(...all));
  expect(accumulated.digest('hex')).toBe('1114b1b6699ed191734fa339376afa7e285c9e6acf6ff0177d346696ce564415');
});
