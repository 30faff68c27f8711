/** What the command line of `fleet` means. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type FleetArguments, fleetHelp, parseFleetArguments } from '../../src/cli/fleet/fleetArguments.ts';

function parsed(...argv: readonly string[]): FleetArguments {
  const result = parseFleetArguments(argv);
  if (result.mode !== 'fleet') throw new Error('a run was expected');
  return result;
}

const optionNames =
  'file concurrency port login identity timeout command-timeout skip-bad-lines json help'.split(' ');

describe('the command line of fleet', () => {
  it('names a list and a command, and has a default for the rest', () => {
    expect(parsed('-f', 'hosts', 'uptime', '-p')).toEqual({
      mode: 'fleet',
      file: 'hosts',
      command: 'uptime -p',
      concurrency: 100,
      port: undefined,
      username: undefined,
      identities: [],
      timeout: undefined,
      commandTimeout: undefined,
      json: false,
      algorithms: undefined,
      skipBadLines: false,
    });
  });

  it('takes options up to the command', () => {
    const line =
      '-f - --concurrency 7 -p 2222 -l ops -i a -i b --timeout 1500ms --command-timeout 2m --json --skip-bad-lines -- -x --json';
    expect(parsed(...line.split(' '))).toMatchObject({
      file: '-',
      command: '-x --json',
      concurrency: 7,
      port: 2222,
      username: 'ops',
      identities: ['a', 'b'],
      timeout: 1500,
      commandTimeout: 120_000,
      json: true,
      algorithms: undefined,
      skipBadLines: true,
    });
  });

  it.each([
    [['uptime'], /no list of hosts/],
    [['-f', 'hosts'], /no command/],
    [['-f', 'hosts', '--'], /no command/],
    [['-f', 'hosts', '-c', '0', 'uptime'], /"0" is not a number of connections/],
    [['-f', 'hosts', '-c', '1e9', 'uptime'], /not a number of connections/],
    [['-f', 'hosts', '--timeout', '0', 'uptime'], /not a time/],
    [['-f', 'hosts', '--port', '0', 'uptime'], /not a port/],
    [['-f', 'hosts', '--nonsense', 'uptime'], /Unknown option '--nonsense'; try deadline-ssh fleet --help$/],
  ])('%j is refused', (argv, message) => {
    expect(() => parseFleetArguments(argv)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  it('has a help, which names every option', () => {
    expect(parseFleetArguments(['-h'])).toEqual({ mode: 'help' });
    expect(parseFleetArguments(['--help', 'uptime'])).toEqual({ mode: 'help' });
    for (const name of optionNames) expect(fleetHelp).toMatch(new RegExp(`--${name}\\s`));
    for (const line of fleetHelp.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  it('is told of in the documents, option by option', () => {
    const text = readFileSync(new URL('../../docs/command.md', import.meta.url), 'utf8');
    const [, section = ''] = text.split('\n## fleet\n');
    const [ofFleet = ''] = section.split('\n## ');
    const rows = ofFleet.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`--([\w-]+)`/g)]);
    expect(named.map(([, name]) => name)).toEqual(optionNames);
  });
});
