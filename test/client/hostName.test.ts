/** A host has one spelling, whoever names it and however: the dial, known_hosts and certificates see that one. */
import { domainToASCII } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { createConnect } from '../../src/client/dial/connect.ts';
import { canonicalHost } from '../../src/client/dial/hostName.ts';
import type { HostKeyInfo } from '../../src/client/hostKeys/hostKeys.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import { numericAddress } from '../support/hosts.ts';

const spelt = (host: string): string => canonicalHost(host, nodePlatform.asciiName);
const refusal = (host: string): SshError => {
  try {
    spelt(host);
  } catch (error) {
    return error as SshError;
  }
  throw new Error(`${JSON.stringify(host)} was not refused`);
};

describe('the spelling of a host', () => {
  it.each([
    ['تت.com', 'xn--pgba.com'],
    ['пример.рф', 'xn--e1afmkfd.xn--p1ai'],
    ['Пример.РФ', 'xn--e1afmkfd.xn--p1ai'],
    ['bücher.example', 'xn--bcher-kva.example'],
    // Full-width digits and dots are digits and dots to IDNA, and then this is an address.
    ['１２７。1', '127.0.0.1'],
    // The Kelvin sign is a k.
    ['\u212aernel.org', 'kernel.org'],
    ['é_x.example', 'xn--_x-9ia.example'],
  ])('%s is %s', (host, ascii) => {
    expect(spelt(host)).toBe(ascii);
  });

  it.each([
    ['127.1', '127.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::0001', '::1'],
    ['FE80::0:1%eth0', 'fe80::1%eth0'],
  ])('of the address %s is %s', (host, address) => {
    expect(spelt(host)).toBe(address);
  });

  it.each(['web1', 'HOST.example', 'a_b.example', 'host.example.', 'device:7', 'xn--pgba.com', '127.0.0.1'])(
    'of %s is what it is',
    (host) => {
      expect(spelt(host)).toBe(host);
    },
  );

  it.each([
    ['white space', 'a b'],
    ['a line feed', 'a\nb'],
    ['an escape sequence', 'a\x1b[31m'],
    ['a control of C1', 'a\x9b31m'],
    ['what reorders text', 'a\u202eb'],
    // Full-width * becomes one.
    ['a wildcard in disguise', '\uff0a.com'],
    ['a comma in disguise', 'a\uff0cb.com'],
    ['a wildcard beside a letter that is not ASCII', '*.é.com'],
    ['an escaped wildcard', 'é%2a.com'],
    // domainToASCII drops what is behind these.
    ['a slash', 'é.com/x'],
    ['a question mark', 'é.com?x'],
    ['a hash', 'é.com#x'],
    ['a tab, which would be dropped', 'é\t.com'],
    ['an ideographic full stop alone', '。'],
    ['half a character', '\ud800.com'],
    ['more characters than a name has', 'a'.repeat(1025)],
    ['more characters than a name has, and one that is not ASCII', 'é'.repeat(400)],
  ])('cannot have %s', (_what, host) => {
    const { code, phase, origin, message } = refusal(host);
    expect({ code, phase, origin }).toEqual({ code: 'ERR_SSH_OPTIONS', phase: 'options', origin: 'user' });
    // Nothing of it reaches a terminal as it is.
    expect(message).toMatch(/^[ -~…é。\uff0a\uff0c]*$/);
    expect(message.length).toBeLessThan(400);
  });

  it('is printable ASCII, and its own spelling', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      numericAddress,
      fc.domain(),
    );
    fc.assert(
      fc.property(anything, (host) => {
        fc.pre(host !== '');
        let ascii: string;
        try {
          ascii = spelt(host);
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS' });
          return;
        }
        expect(ascii).toMatch(/^[!-~]+$/);
        expect(spelt(ascii)).toBe(ascii);
        if (!/^[!-~]*$/.test(host)) expect(ascii).toMatch(/^[\w.:-]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is what IDNA makes of a name in any script', () => {
    const letters = fc.constantFrom(...'абвгдéèñüåøçßαβγδ中文字かなתשרقكل');
    const label = fc.string({ unit: letters, minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(label, label, (first, second) => {
        const ascii = domainToASCII(`${first}.${second}`);
        fc.pre(ascii !== '');
        expect(spelt(`${first}.${second}`)).toBe(ascii);
      }),
    );
  });
});

describe('a dial', () => {
  /** What the platform and the verifier are told of a dial to this host. */
  async function seen(host: string): Promise<{ readonly dialled: string[]; readonly asked: string[] }> {
    const dialled: string[] = [];
    const asked: string[] = [];
    const connect = createConnect({
      ...nodePlatform,
      tcp: (target) => {
        dialled.push(target.host);
        return () => {
          throw new Error('nobody is there');
        };
      },
    });
    const verifyHostKey = {
      verify: (_info: HostKeyInfo) => false,
      keyTypes: (name: string) => {
        asked.push(name);
        return [];
      },
    };
    const dialling = connect({ host, username: 'ops', agent: false, verifyHostKey });
    await expect(dialling).rejects.toMatchObject({ code: 'ERR_SSH_CONNECT' });
    return { dialled, asked };
  }

  it.each([
    ['пример.рф', 'xn--e1afmkfd.xn--p1ai'],
    ['127.1', '127.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
  ])('to %s goes to %s, and so does every look-up', async (host, name) => {
    expect(await seen(host)).toEqual({ dialled: [name], asked: [name] });
  });

  it('to what is no name is refused before anything is looked up', async () => {
    await expect(createConnect(nodePlatform)({ host: 'a\nb', username: 'ops' })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
    });
  });
});
