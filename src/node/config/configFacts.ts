/**
 * What a configuration asks about the user and the machine.
 *
 * Owns: where each fact comes from.
 * Must not know: what it is asked for.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { hostname, networkInterfaces, userInfo } from 'node:os';
import type { Facts } from '../../config/reading/facts.ts';
import { homeFolder } from '../homeFolder.ts';

/** Bytes of the lists of the machine that are read. */
const longestList = 4 * 1024 * 1024;

/** The name of a user who has none is empty. */
export function nodeFacts(): Facts {
  const { username, uid } = ownUser();
  return {
    userName: username,
    userId: uid,
    hostName: hostname(),
    homes: (user) => (user === undefined ? homeFolder() : homeOf(user)),
    variables: (name) => process.env[name],
    services: portOf,
    localAddresses,
    sha1: (text) => createHash('sha1').update(text).digest('hex'),
  };
}

function ownUser(): { readonly username: string; readonly uid: number } {
  try {
    return userInfo();
  } catch {
    // A container may run a program as a user that has no name.
    return { username: '', uid: process.getuid?.() ?? 0 };
  }
}

function localAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
}

/** The home folder of another user, from the machine's own list. */
function homeOf(user: string): string | undefined {
  for (const line of linesOf('/etc/passwd')) {
    const [name, , , , , home] = line.split(':');
    if (name === user) return home === '' ? undefined : home;
  }
  return undefined;
}

/** The port of a service over TCP, from the machine's own list. */
function portOf(service: string): number | undefined {
  if (service === '') return undefined;
  for (const line of linesOf('/etc/services')) {
    const [name, place = '', ...others] = line.replace(/#.*$/, '').trim().split(/\s+/);
    if (name !== service && !others.includes(service)) continue;
    const port = /^([0-9]{1,5})\/tcp$/.exec(place)?.[1];
    if (port !== undefined) return Number(port);
  }
  return undefined;
}

function linesOf(path: string): readonly string[] {
  try {
    const { size } = statSync(path);
    return size > longestList ? [] : readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

/** An address of an interface, of version 4 where it has one and nothing else is wanted. */
export function interfaceAddress(name: string, family: 4 | 6 | undefined): string | undefined {
  const addresses = networkInterfaces()[name] ?? [];
  const fitting = addresses.filter(
    (one) => family === undefined || one.family === (family === 4 ? 'IPv4' : 'IPv6'),
  );
  return (fitting.find((one) => one.family === 'IPv4') ?? fitting[0])?.address;
}
