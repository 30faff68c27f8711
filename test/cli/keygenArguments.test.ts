/** The command line of keygen: which task its options ask for, and what it does not have. */
import { describe, expect, it } from 'vitest';
import { type KeygenArguments, parseKeygenArguments } from '../../src/cli/keygen/keygenArguments.ts';

function parsed(...argv: readonly string[]): KeygenArguments {
  const args = parseKeygenArguments(argv);
  if (args === 'help') throw new Error('a task was expected');
  return args;
}

describe('options', () => {
  it.each([
    [[], 'make'],
    [['-t', 'rsa'], 'make'],
    [['-F', 'h'], 'find'],
    [['-R', 'h'], 'remove'],
    [['-H'], 'hash'],
    [['-L'], 'certificate'],
    [['-l'], 'fingerprint'],
    [['-B'], 'bubbleBabble'],
    [['-p'], 'passphrase'],
    [['-c'], 'comment'],
    [['-e'], 'export'],
    [['-i'], 'import'],
    [['-y'], 'show'],
    [['-r', 'h'], 'sshfp'],
    [['-Y', 'sign', 'word'], 'sign'],
    [['-Y', 'verify'], 'verify'],
    [['-Y', 'check-novalidate'], 'check-novalidate'],
    [['-Y', 'find-principals'], 'find-principals'],
    [['-Y', 'match-principals'], 'match-principals'],
    // Of several the first in the order of ssh-keygen counts, wherever it stands.
    [['-l', '-H', '-F', 'h'], 'find'],
    [['-y', '-l'], 'fingerprint'],
    [['-F', 'h', '-Y', 'verify'], 'verify'],
    [['-Y', 'sign', '-Y', 'verify'], 'verify'],
    [['-s', 'signature', '-Y', 'verify'], 'verify'],
  ])('%j ask for %s', (argv, task) => {
    expect(parsed(...argv).task).toBe(task);
  });

  it('have values, of which the last counts, and settings, of which the first does', () => {
    const args = parsed(
      '-f',
      'one',
      '-f',
      'two',
      '-O',
      'hashalg=sha256',
      '-Ohashalg=x',
      '-O',
      'print-pubkey',
      '-q',
    );
    expect(args.value('f')).toBe('two');
    expect(args.needed('f', 'a key')).toBe('two');
    expect([args.value('n'), args.has('f'), args.has('n')]).toEqual([undefined, true, false]);
    expect([args.quiet, args.verbose]).toEqual([true, false]);
    expect(parsed('-v').verbose).toBe(true);
    expect(args.setting('hashalg')).toBe('sha256');
    expect(args.setting('print-pubkey')).toBe('');
    // The beginning of a name is none.
    expect([args.setting('hash'), args.setting('print'), args.setting('x')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(() => args.needed('n', 'what it is for')).toThrow('-n is missing: it names what it is for');
  });

  it('ask for help wherever they stand', () => {
    expect([parseKeygenArguments(['-?']), parseKeygenArguments(['-q', '--help'])]).toEqual(['help', 'help']);
  });

  it.each([
    [['-A'], '-A: host keys for a server are not made in one go'],
    [['-D'], '-D: keys of PKCS#11 are not supported'],
    [['-K'], '-K: keys in a FIDO token'],
    [['-w'], '-w: keys in a FIDO token'],
    [['-M'], '-M: moduli'],
    [['-Q'], '-Q: key revocation lists'],
    [['-k'], '-k: key revocation lists'],
    [['-u'], '-u: key revocation lists'],
    [['-U'], '-U: certificates are not signed here'],
    [['-z'], '-z: certificates are not signed here'],
    [['-V'], '-V: certificates are not signed here'],
    [['-s', 'ca'], '-s: certificates are not signed here'],
    [['-Y', 'nothing'], '-Y takes sign, verify, check-novalidate, find-principals, match-principals'],
    [['-l', 'key'], '-f names a file, not a word such as key'],
    [['key'], '-f names a file, not a word such as key'],
  ])('%j are not here', (argv, words) => {
    expect(() => parseKeygenArguments(argv)).toThrow(words);
  });
});
