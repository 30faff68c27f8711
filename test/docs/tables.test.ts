import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { errorCodes } from '../../src/base/errors.ts';
import { defaultLimits, type Limits, resolveLimits } from '../../src/base/limits.ts';
import { defaultDialTimeout, defaultKeepAlive, defaultTimeouts } from '../../src/base/timeouts.ts';
import { defaultConfigLimits } from '../../src/config/reading/reader.ts';
import { support } from '../../src/config/warnings.ts';
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../../src/crypto/algorithms.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { codesIn, numberIn, tableBelow } from './markdown.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');

describe('the documents of a user', () => {
  const readme = read('README.md');
  const algorithms = read('docs/algorithms.md');

  it('lists every error code with the sentence of the source', () => {
    const rows = tableBelow(read('docs/errors.md'), '## Codes').map(([code, meaning]) => [
      codesIn(code)[0],
      meaning,
    ]);
    expect(rows).toEqual(Object.entries(errorCodes));
  });

  it('lists the algorithms that are offered, in their order', () => {
    const rows = tableBelow(algorithms, '# Algorithms').map(([, names]) => codesIn(names));
    const { kex, hostKey, cipher, mac, compression } = defaultPreferences;
    expect(rows).toEqual([kex, hostKey, cipher, mac, compression]);
  });

  it('lists the algorithms that are offered only when asked for, and there are no others', () => {
    const rows = tableBelow(algorithms, '## Algorithms offered only when asked for').map(([, ...cells]) =>
      cells.map(codesIn),
    );
    const tables = [kexMethods, signatureAlgorithms, ciphers, macs, compressions];
    const rest = tables.map((table) => {
      const others = Object.entries<Offered>(table).filter(([, row]) => !row.byDefault);
      const named = ([name]: readonly [string, Offered]): string => name;
      return [
        others.filter(([, row]) => row.compatible).map(named),
        others.filter(([, row]) => row.legacy).map(named),
        others.filter(([, row]) => !row.compatible && !row.legacy).map(named),
      ];
    });
    expect(rows).toEqual(rest);
  });

  it('lists every deadline with its default', () => {
    const rows = tableBelow(read('docs/deadlines.md'), '## Defaults').map(([name, , value]) => [
      codesIn(name)[0],
      value,
    ]);
    const number = (value: number): string => value.toLocaleString('en-US');
    expect(rows).toEqual([
      ['timeout', number(defaultDialTimeout)],
      ...Object.entries(defaultTimeouts).map(([name, value]) => [`timeouts.${name}`, number(value)]),
      ['keepAlive', `${number(defaultKeepAlive.interval)} × ${defaultKeepAlive.maxMissed}`],
    ]);
  });

  it('lists every limit with its default', () => {
    const rows = tableBelow(read('docs/limits.md'), '# Limits').map(([name, , value]) => [
      codesIn(name)[0],
      numberIn(value),
    ]);
    expect(rows).toEqual(Object.entries(defaultLimits));
  });

  it('lists what each limit may be at least and at most, and those are the bounds', () => {
    for (const [cell, , , ...bounds] of tableBelow(read('docs/limits.md'), '# Limits')) {
      const name = codesIn(cell)[0] ?? '';
      const [least = Number.NaN, most = Number.NaN] = bounds.map(numberIn);
      // The packet has to hold the channel data: both go to their ends together.
      const given = (value: number): Partial<Limits> => ({
        packetLength: 16 * 1024 * 1024,
        ...(name === 'packetLength' ? { maximumPacketSize: 1024 } : {}),
        [name]: value,
      });
      expect(resolveLimits(given(least))).toMatchObject({ [name]: least });
      expect(resolveLimits(given(most))).toMatchObject({ [name]: most });
      for (const beyond of [least - 1, most + 1]) {
        const words = `limits.${name} must be a whole number from ${least} to ${most}, not ${beyond}`;
        expect(() => resolveLimits(given(beyond))).toThrow(words);
      }
    }
  });

  it('says when new keys are agreed on', () => {
    expect(defaultRekeyPolicy).toEqual({ bytes: 1024 ** 3, packets: 2 ** 31, interval: 60 * 60 * 1000 });
    expect(algorithms).toContain('after 1 GiB, 2^31 packets or an hour');
  });

  it('names every entry of the package', () => {
    const manifest = JSON.parse(read('package.json')) as { readonly exports: object };
    const names = Object.keys(manifest.exports).filter((name) => name !== './package.json');
    const rows = tableBelow(readme, '## Other entries').map(([name]) => codesIn(name)[0]);
    expect(rows.sort()).toEqual(names.map((name) => name.replace(/^\./, 'deadline-ssh')).sort());
  });

  it('names the packages it depends on', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { readonly dependencies: object };
    const rows = tableBelow(readme, '## Dependencies').map(([name]) => codesIn(name)[0]);
    expect(rows.sort()).toEqual(Object.keys(dependencies).sort());
  });

  it('begin with the installation, the first program and two commands for a clone', () => {
    const blocks = [...readme.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
    expect(blocks[0]?.slice(1)).toEqual(['sh', 'npm install deadline-ssh\n']);
    expect(blocks[1]?.[1]).toBe('ts');
    const clone = blocks.find(([, , text]) => text?.includes('npm ci'));
    expect(clone?.[2]?.trim().split('\n')).toEqual(['npm ci && npm run demo', 'npm test']);
    expect(readme.slice(0, clone?.index).split('\n').length).toBeLessThan(60);
  });

  it('fit in about 200 lines, and link to every document', () => {
    expect(readme.split('\n').length).toBeLessThan(280);
    for (const name of readdirSync(`${root}docs`).filter((file) => file.endsWith('.md'))) {
      expect(readme).toContain(`(docs/${name})`);
    }
  });
});

describe('the documents', () => {
  it.each([
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'bench/README.md',
    ...readdirSync(`${root}docs`)
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
    'docs/architecture.md',
    'docs/deadlines.md',
    'docs/diagnostics.md',
    'docs/hostile-peers.md',
    'docs/conformance.md',
    'docs/fuzzing.md',
    'docs/mutation.md',
    'docs/ssh-config.md',
  ])('%s links to files that exist', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target ?? '');
    for (const target of targets)
      expect(() => read(new URL(target, `file:///${path}`).pathname.slice(1))).not.toThrow();
  });
});

describe('docs/ssh-config.md', () => {
  it('has a row for every keyword, with what becomes of it', () => {
    const rows = tableBelow(read('docs/ssh-config.md'), '## Keywords').map(([keyword, where, what]) => [
      codesIn(keyword)[0],
      where,
      what,
    ]);
    expect(rows).toEqual(
      Object.entries(support).map(([keyword, { by, what }]) => [
        keyword,
        by === 'none' ? 'no effect' : by,
        what,
      ]),
    );
  });

  it('says the limits', () => {
    const [, , , , , , , limits] = tableBelow(read('docs/ssh-config.md'), '# ssh_config');
    const { fileSize, includeDepth, files, totalSize } = defaultConfigLimits;
    expect(limits?.[1]).toBe(
      `\`fileSize\` ${fileSize / 2 ** 20} MiB, \`includeDepth\` ${includeDepth}, \`files\` ${files.toLocaleString('en-US')} in one pass, \`totalSize\` ${totalSize / 2 ** 20} MiB`,
    );
  });
});
