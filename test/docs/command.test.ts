/** The page about the command says what the command's own help says. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { differences, helpText } from '../../src/cli/help.ts';
import { commandOptions } from '../../src/cli/remote/optionTable.ts';

const page = readFileSync('docs/command.md', 'utf8');

describe('docs/command.md', () => {
  it('has every difference to ssh, as the help has', () => {
    const [, section = ''] = page.split('## Where it differs from ssh');
    const [table = ''] = section.split('\n## ');
    const rows = table
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(1)
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    expect(rows).toEqual(differences.map((row) => [...row]));
    const help = helpText([]);
    for (const [what, ssh, own] of differences) {
      for (const text of [what, ssh, own]) expect(help).toContain(text);
    }
  });

  it('says its options in 80 columns', () => {
    const [options = ''] = helpText([]).split('Where it differs');
    expect(options.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('and the help name every long option', () => {
    const help = helpText([]);
    expect(commandOptions.filter(({ name }) => name !== undefined).length).toBeGreaterThan(10);
    for (const { name } of commandOptions) if (name !== undefined) expect(help).toContain(`--${name}`);
  });

  it('and the help name every letter that does something', () => {
    const help = helpText([]);
    const silent = new Set(['1', '2', 'I', 'K', 'k', 'w', 'x', 'y']);
    expect(commandOptions.filter(({ letter }) => letter !== undefined).length).toBeGreaterThan(20);
    for (const { letter } of commandOptions) {
      if (letter !== undefined && !silent.has(letter)) expect(help).toContain(`-${letter}`);
    }
  });
});
