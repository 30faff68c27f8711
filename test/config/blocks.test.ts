// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a variable of ssh_config
import { describe, expect, it } from 'vitest';
import type { Question } from '../../src/config/reading/facts.ts';
import { defaultConfigLimits } from '../../src/config/reading/reader.ts';
import { type Asked, keywordsFor, main, readText, sourceOf } from './reading.ts';
import { codeOf, refusalOf } from './refusals.ts';

/** Whether a block with this head applies. */
const applies = (
  head: string,
  ...rest: [
    host?: string,
    world?: Parameters<typeof keywordsFor>[2],
    more?: Parameters<typeof keywordsFor>[3],
    asked?: Asked,
  ]
): boolean => keywordsFor(`${head}\nPort 99\n`, ...rest)['port'] === '99';

const commandsIn = (asked: readonly Question[]): readonly string[] =>
  asked.flatMap((question) => (question.kind === 'exec' ? [question.command] : []));

describe('Host', () => {
  it.each([
    ['Host alpha', true],
    ['Host beta', false],
    ['Host beta al*', true],
    ['Host * !alpha', false],
    ['Host !alpha *', false],
    ['Host !beta', false],
    ['Host ALPHA', false],
    ['Host "alpha"', true],
    ['Host # alpha', false],
  ])('%s: %s', (head, expected) => {
    expect(applies(head)).toBe(expected);
  });

  it('sees the host as it was given, whatever Hostname says', () => {
    expect(keywordsFor('Hostname real\nHost real\nPort 99\n')['port']).toBe('22');
  });
});

describe('Match', () => {
  it.each([
    ['Match all', true],
    ['Match !all', false],
    ['Match host alpha', true],
    ['Match host=alpha', true],
    ['Match HOST ALPHA', true],
    ['Match !host alpha', false],
    ['Match !host beta', true],
    ['Match host a*,!alpha', false],
    ['Match originalhost alpha host beta', false],
    ['Match user me localuser me', true],
    ['Match user ops', false],
    ['Match canonical', false],
    ['Match !canonical', true],
    ['Match final', true],
    ['Match final all', true],
    ['Match tagged ""', true],
    ['Match tagged t', false],
    ['Match command ""', true],
    ['Match command ls', false],
    ['Match sessiontype shell', true],
    ['Match sessiontype exec,none', false],
    ['Match version OpenSSH_10.*', true],
    ['Match version OpenSSH_9.*', false],
    ['Match localnetwork 10.0.0.0/8', true],
    ['Match localnetwork 11.0.0.0/8,::1', false],
    ['Match !localnetwork 11.0.0.0/8', true],
    ['Match host alpha # user nobody', true],
  ])('%s: %s', (head, expected) => {
    expect(applies(head, 'alpha', { addresses: ['10.1.2.3'] })).toBe(expected);
  });

  it.each([
    'Match host',
    'Match host ""',
    'Match nosuch x',
    'Match all host a',
    'Match host a user b all',
    'Match sessiontype=shell x',
    'Match localnetwork 10.0.0.1/8',
    'Match exec "%y"',
    'Match host a b',
  ])('%s is refused', (head) => {
    expect(codeOf(() => readText(`${head}\n`))).toBe('ERR_SSH_CONFIG 1');
  });

  it('names a criterion that is near', () => {
    expect(refusalOf(() => readText('Match hots x\n')).message).toContain('did you mean host?');
  });

  it('sees what the lines before it set', () => {
    expect(applies('User ops\nMatch user ops')).toBe(true);
    expect(applies('Match user ops\nUser x\nHost *\nUser ops\nMatch user me')).toBe(false);
    expect(applies('Tag t\nMatch tagged t')).toBe(true);
    expect(applies('Hostname %h.b\nMatch host alpha.b')).toBe(true);
    expect(applies('SessionType none\nMatch sessiontype none')).toBe(true);
    expect(applies('Match command "git-*"', 'alpha', {}, { command: 'git-upload-pack x' })).toBe(true);
    expect(applies('Match sessiontype exec', 'alpha', {}, { command: 'x' })).toBe(true);
  });

  it('runs a command only when all before it holds, with its tokens expanded once', () => {
    const asked: Asked = [];
    const exec = (command: string): number => (command.startsWith('yes') ? 0 : 1);
    const text =
      'Match host beta exec "yes 1"\nMatch exec "no 2" exec "yes 3"\nMatch exec "yes %h %%h %n %p %r %u %i %L %l %d %k %j|"\nPort 99\n';
    expect(keywordsFor(text, 'alpha', { exec }, {}, asked)['port']).toBe('99');
    expect(commandsIn(asked)).toEqual([
      'no 2',
      'yes alpha %h alpha 22 me me 1000 here here.example /home/me alpha |',
    ]);
    expect(applies('Match !exec no', 'alpha', { exec })).toBe(true);
  });

  it('runs no command in a file whose Include does not apply', () => {
    const asked: Asked = [];
    const files = { '/x': 'Match exec touch\nPort 99\n' };
    keywordsFor('Host other\nInclude /x\n', 'alpha', { files, exec: () => 0 }, {}, asked);
    expect(commandsIn(asked)).toEqual([]);
  });

  it('final wants a second pass, in which it holds and the host has its last name', () => {
    const text =
      'Hostname REAL.example\nHost real.example\n Port 99\nMatch final host real.example\nUser late\n';
    expect(keywordsFor(text)).toMatchObject({ port: '99', user: 'late' });
    expect(keywordsFor(text.replace('final ', '!final '))).toMatchObject({ port: '22', user: 'late' });
  });
});

describe('Include', () => {
  it('reads files where ssh looks, and the block is back behind them', () => {
    const files = {
      '/home/me/.ssh/a': 'Host beta\nPort 98\n',
      '/home/me/.ssh/d/1': 'User one\n',
      '/home/me/.ssh/d/2': 'User two\nCompression yes\n',
      '/etc/ssh/b': 'BatchMode yes\n',
    };
    expect(keywordsFor('Host alpha\nInclude a\nPort 97\n', 'alpha', { files })['port']).toBe('97');
    expect(keywordsFor('Include d/* nothing/*\n', 'alpha', { files })).toMatchObject({
      user: 'one',
      compression: 'yes',
    });
    expect(keywordsFor('Include ~/.ssh/d/2\n', 'alpha', { files })['user']).toBe('two');
    const sources = [sourceOf('Include b\n', { isUsers: false })];
    expect(keywordsFor('', 'alpha', { files }, { sources })['batchmode']).toBe('yes');
  });

  it('takes tokens and variables, and passes over a variable that is not set', () => {
    const files = { '/c/alpha/me': 'Port 97\n' };
    const variables = { DIR: '/c' };
    expect(keywordsFor('Include ${DIR}/%h/%r\n', 'alpha', { files, variables })['port']).toBe('97');
    expect(codeOf(() => readText('Include %z\n'))).toBe('ERR_SSH_CONFIG 1');
  });

  it('in a block that does not apply is checked all the same', () => {
    const files = { '/bad': '\nPort x\n', '/good': 'Host *\nPort 97\n' };
    expect(keywordsFor('Host other\nInclude /good\n', 'alpha', { files })['port']).toBe('22');
    expect(refusalOf(() => readText('Host other\nInclude /bad\n', 'alpha', { files }))).toMatchObject({
      file: '/bad',
      line: 2,
    });
  });

  it('that is not right is told with what is wrong before it', () => {
    const error = refusalOf(() =>
      readText('Port 0\nInclude /bad\nPort x\n', 'alpha', { files: { '/bad': 'Foo\n' } }),
    );
    expect(error.problems?.map(({ file, line }) => `${file}:${line}`)).toEqual([`${main}:1`, '/bad:1']);
  });

  it('of a system file begins with no tilde', () => {
    const sources = [sourceOf('Include ~/x\n', { isUsers: false })];
    expect(codeOf(() => readText('', 'alpha', {}, { sources }))).toBe('ERR_SSH_CONFIG 1');
  });

  it('goes 16 files deep, and says where one includes itself', () => {
    const chain = (length: number): Record<string, string> =>
      Object.fromEntries(
        Array.from({ length }, (_, i) => [`/${i}`, i + 1 < length ? `Include /${i + 1}\n` : 'Port 97\n']),
      );
    expect(keywordsFor('Include /0\n', 'alpha', { files: chain(16) })['port']).toBe('97');
    expect(codeOf(() => readText('Include /0\n', 'alpha', { files: chain(17) }))).toBe('ERR_SSH_CONFIG 1');
    const error = refusalOf(() =>
      readText('Include /self\n', 'alpha', { files: { '/self': '\n\nInclude /self\n' } }),
    );
    expect(error).toMatchObject({ code: 'ERR_SSH_CONFIG', file: '/self', line: 3 });
    expect(error.message).toContain('includes itself');
  });

  it('is bounded where each file includes many', () => {
    const files = { '/twice': 'Include /twice\nInclude /twice\n' };
    const limits = { ...defaultConfigLimits, includeDepth: 256, files: 100 };
    expect(refusalOf(() => readText('Include /twice\n', 'alpha', { files }, { limits })).code).toBe(
      'ERR_SSH_CONFIG',
    );
    const big = { '/big': `# ${'x'.repeat(1000)}\n` };
    const text = 'Include /big\n'.repeat(20);
    expect(
      refusalOf(() =>
        readText(text, 'alpha', { files: big }, { limits: { ...defaultConfigLimits, totalSize: 5000 } }),
      ),
    ).toMatchObject({ file: '/big', line: 0 });
  });
});

describe('a file', () => {
  it('is bounded, and a line of it is not', () => {
    const line = `User ${'x'.repeat(1024 * 1024 - 10)}\n`;
    expect(keywordsFor(line)['user']).toHaveLength(1024 * 1024 - 10);
    expect(refusalOf(() => readText(`${line}# more\n`))).toMatchObject({ file: main, line: 0 });
  });

  it('has the first word about a keyword, and options of the caller come before it', () => {
    const sources = [sourceOf('Port 1\nPort 2\n'), sourceOf('Port 3\nUser late\n', { path: 'second' })];
    expect(keywordsFor('', 'alpha', {}, { sources })).toMatchObject({ port: '1', user: 'late' });
    expect(
      keywordsFor('', 'alpha', {}, { sources, overrides: ['Port=4', 'Port 5'], user: 'me2' }),
    ).toMatchObject({ port: '4', user: 'me2' });
  });

  it('cannot be asked for by an option', () => {
    for (const option of ['Host x', 'Match all', 'Include /x', 'Port', 'Nosuch x', 'Port 0']) {
      expect(refusalOf(() => readText('', 'alpha', {}, { overrides: [option] }))).toMatchObject({
        code: 'ERR_SSH_CONFIG',
        file: 'command-line',
        line: 0,
      });
    }
  });

  it('that is needed has to be there', () => {
    const sources = [{ path: '/none', isUsers: true, isGuarded: false, isNeeded: true }];
    expect(refusalOf(() => readText('', 'alpha', {}, { sources }))).toMatchObject({ file: '/none', line: 0 });
    const optional = sources.map((source) => ({ ...source, isNeeded: false }));
    expect(keywordsFor('', 'alpha', {}, { sources: optional })['port']).toBe('22');
  });

  it('may refuse the connection, in its own words', () => {
    expect(refusalOf(() => readText('Host alpha\nRefuseConnection "use the new host"\n')).message).toContain(
      'use the new host',
    );
    expect(keywordsFor('Host other\nRefuseConnection no\n')['port']).toBe('22');
  });
});

describe('the name of the host', () => {
  const domains = 'CanonicalizeHostname yes\nCanonicalDomains one.example two.example\n';
  const lookup = (known: Readonly<Record<string, string>>) => (name: string) =>
    Object.hasOwn(known, name) ? { canonicalName: known[name] } : undefined;

  it('is looked up in one domain behind the other', () => {
    const world = { lookup: lookup({ 'alpha.two.example.': 'alpha.two.example' }) };
    expect(keywordsFor(`${domains}Host alpha.two.example\nPort 99\n`, 'Alpha', world)).toMatchObject({
      host: 'Alpha',
      hostname: 'alpha.two.example',
      port: '99',
    });
  });

  it('with more dots than allowed, or of a proxy, stands for itself', () => {
    const asked: Asked = [];
    const world = { lookup: () => ({ canonicalName: undefined }) };
    expect(keywordsFor(domains, 'a.b.c', world, {}, asked)['hostname']).toBe('a.b.c');
    expect(keywordsFor(`${domains}ProxyCommand x\n`, 'alpha', world, {}, asked)['hostname']).toBe('alpha');
    expect(asked).toEqual([]);
    const always = `${domains}ProxyCommand x\n`.replace('yes', 'always');
    expect(keywordsFor(always, 'alpha', world)['hostname']).toBe('alpha.one.example');
  });

  it('that is in no domain falls back, unless that is forbidden', () => {
    expect(keywordsFor(domains)['hostname']).toBe('alpha');
    const error = refusalOf(() => readText(`${domains}CanonicalizeFallbackLocal no\n`));
    expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', host: 'alpha' });
  });

  it('follows another name where a rule allows it', () => {
    const rules = `${domains}CanonicalizePermittedCNAMEs *.one.example:*.real.example\n`;
    const to = (target: string) => ({ lookup: lookup({ 'alpha.one.example.': target }) });
    expect(keywordsFor(rules, 'alpha', to('srv.REAL.example'))['hostname']).toBe('alpha.one.example');
    expect(keywordsFor(rules, 'alpha', to('srv.real.example.'))['hostname']).toBe('srv.real.example');
    expect(keywordsFor(rules, 'alpha', to('srv.evil.example'))['hostname']).toBe('alpha.one.example');
    expect(keywordsFor(rules, 'alpha', to('$(x).real.example'))['hostname']).toBe('alpha.one.example');
  });

  it('is decided about before the second pass', () => {
    const text =
      'Match final\nCanonicalizeMaxDots 0\nCanonicalizeFallbackLocal no\nCanonicalizeHostname yes\n';
    expect(keywordsFor(text)).toMatchObject({
      canonicalizemaxdots: '1',
      canonicalizefallbacklocal: 'yes',
      canonicalizehostname: 'false',
    });
  });

  it('of an address gets its one spelling, and the second pass sees it', () => {
    expect(keywordsFor('', '127.1')['hostname']).toBe('127.0.0.1');
    expect(
      keywordsFor('CanonicalizeHostname yes\nMatch canonical host 127.0.0.1\nPort 99\n', '127.1')['port'],
    ).toBe('99');
  });

  it('OpenSSH 0a0ef4515, CVE-2023-51385: that a shell would read as more is refused', () => {
    for (const host of ['-oProxyCommand=x', 'a b', '$(x)', 'a;b', '']) {
      expect(refusalOf(() => readText('', host)).code).toBe('ERR_SSH_OPTIONS');
    }
    expect(refusalOf(() => readText('', 'alpha', {}, { user: '-x' })).code).toBe('ERR_SSH_OPTIONS');
    expect(codeOf(() => readText('User %h$(x)\n', 'alpha'))).toBe('ERR_SSH_CONFIG 1');
  });
});

describe('a jump', () => {
  it('and a proxy command compete: the first counts', () => {
    expect(keywordsFor('ProxyJump j\nProxyCommand x\n')).toMatchObject({ proxyjump: 'j' });
    expect(keywordsFor('ProxyCommand x\nProxyJump j\n')).toMatchObject({ proxycommand: 'x' });
    expect(keywordsFor('ProxyCommand none\nProxyJump j\n')['proxyjump']).toBeUndefined();
    expect(keywordsFor('ProxyJump none\nProxyJump j\n')['proxyjump']).toBeUndefined();
  });

  it('that leads to the host itself is refused at its line', () => {
    expect(codeOf(() => readText('User me\nProxyJump alpha\n'))).toBe('ERR_SSH_CONFIG 2');
    expect(keywordsFor('ProxyJump alpha:2222\n')['proxyjump']).toBe('alpha:2222');
  });
});

describe('resolving again', () => {
  it('with the answers of ssh -G as a configuration changes nothing', () => {
    const text =
      'Host alpha\nHostname b.example\nPort 99\nUser ops\nCiphers +aes128-cbc\nLocalForward 80 c:1\nSendEnv A B\nIdentityFile ~/k\nProxyJump u@j:23,k\n';
    const first = keywordsFor(text);
    const lines = Object.entries(first)
      .filter(([keyword, value]) => keyword !== 'host' && value !== '' && value !== 'none')
      .flatMap(([keyword, value]) =>
        (typeof value === 'string' ? [value] : value).map((one) => `${keyword} ${one}\n`),
      );
    expect(keywordsFor(lines.join(''))).toEqual(first);
  });
});
