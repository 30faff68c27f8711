/** The key files in fixtures/keys, which the programs whose formats they are have made (see generate.sh there). */
import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../fixtures/keys/', import.meta.url);

export const passphrase = 'correct horse';

/** Folders of one key each, whose public half is in `id.pub`. */
export const keyFolders = ['ed25519', 'ed25519-openssl', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'] as const;

export function fixture(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

export function fixtureBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(path, root)));
}

export function fixturePath(path: string): string {
  return new URL(path, root).pathname;
}

/** Every private key file of a folder, as paths for `fixture`. */
export function privateFiles(folder: string): string[] {
  return readdirSync(new URL(`${folder}/`, root))
    .filter((name) => !name.endsWith('.pub'))
    .sort()
    .map((name) => `${folder}/${name}`);
}
