/**
 * The package as its users get it: packed, installed in a project of its own,
 * imported, type-checked.
 *
 * Owns: that project.
 * Must not know: the sources.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const tsc = join(root, 'node_modules/typescript/bin/tsc');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly bin?: Readonly<Record<string, string>>;
};
const entries = Object.keys(manifest.exports).filter((name) => name !== './package.json');
const specifiers = entries.map((name) => name.replace(/^\./, 'deadline-ssh'));

/** Entries whose types name nothing of any platform. */
const neutral = ['deadline-ssh/keys', 'deadline-ssh/protocol', 'deadline-ssh/wire'];

let folder = '';
let installed = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-package-'));
  const npm = (...args: string[]): string =>
    execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      encoding: 'utf8',
    });
  // Built already: another build would only repeat it.
  npm('pack', root, '--ignore-scripts');
  const [archive = ''] = readdirSync(folder).filter((name) => name.endsWith('.tgz'));
  writeFileSync(join(folder, 'package.json'), '{ "name": "scratch", "private": true, "type": "module" }');
  npm('install', `./${archive}`, '--prefer-offline', '--ignore-scripts');
  installed = join(folder, 'node_modules/deadline-ssh');
});

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true });
});

describe('the packed package', () => {
  it('holds the built modules with their types, and the documents', () => {
    for (const target of Object.values(manifest.exports)) {
      expect(existsSync(join(installed, target)), target).toBe(true);
      const types = target.replace(/\.js$/, '.d.ts');
      expect(existsSync(join(installed, types)), types).toBe(true);
    }
    expect(readdirSync(installed).sort()).toEqual(
      [
        'CHANGELOG.md',
        'CONTRIBUTING.md',
        'LICENSE',
        'README.md',
        'SECURITY.md',
        'bench',
        'dist',
        'docs',
        'examples',
        'package.json',
      ].sort(),
    );
  });

  it('brings the noble packages and nothing else', () => {
    const packages = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(packages.sort()).toEqual(['@noble', 'deadline-ssh']);
  });

  it.each(specifiers)('%s can be imported', (specifier) => {
    const names = node(
      `import(${JSON.stringify(specifier)}).then((m) => console.log(Object.keys(m).length))`,
    );
    expect(Number(names)).toBeGreaterThan(0);
  });

  it.each(specifiers)('%s prints nothing and keeps no process alive', (specifier) => {
    expect(node(`await import(${JSON.stringify(specifier)})`)).toBe('');
  });

  it.each(Object.keys(manifest.bin ?? {}))('has the command %s, which knows its version', (name) => {
    const command = join(folder, 'node_modules/.bin', name);
    expect(execFileSync(command, ['--version'], { encoding: 'utf8' })).toContain(manifest.version);
  });
});

describe('a connection', () => {
  it('with a plain key loads nothing of @noble where the runtime has its own', async () => {
    writeFileSync(join(folder, 'server.mjs'), serverProgram);
    writeFileSync(join(folder, 'client.mjs'), clientProgram);
    const server = spawn(process.execPath, ['server.mjs'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    try {
      const [line] = (await once(server.stdout, 'data')) as [Buffer];
      const loaded = (encrypted: boolean, crypto = 'auto'): string[] => {
        const coverage = mkdtempSync(join(folder, 'coverage-'));
        const client = spawnSync(process.execPath, ['client.mjs', String(line), String(encrypted), crypto], {
          cwd: folder,
          encoding: 'utf8',
          timeout: 20_000,
          env: { ...process.env, NODE_V8_COVERAGE: coverage },
        });
        expect(client.stderr).toBe('');
        return modulesIn(coverage);
      };
      const plain = loaded(false);
      expect(plain).toContain('dist/entry/index.js');
      expect(plain.filter((module) => module.startsWith('@noble'))).toEqual([]);
      // What unlocks a key comes late, and the same check sees @noble where it is needed.
      expect(loaded(true).filter((module) => !plain.includes(module))).not.toEqual([]);
      expect(loaded(false, 'noble').some((module) => module.startsWith('@noble'))).toBe(true);
    } finally {
      server.kill();
    }
  });
});

/** Prints the port and both forms of a key that it takes; lives until it is ended. */
const serverProgram = `
  import { formatPrivateKey, generateKey } from 'deadline-ssh/keys';
  import { createServer } from 'deadline-ssh/server';
  const key = generateKey('ed25519');
  const server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { publicKey: () => true },
  });
  const { port } = await server.listen();
  const [plain, encrypted] = [formatPrivateKey(key, {}), formatPrivateKey(key, { passphrase: 'x', rounds: 1 })];
  console.log(JSON.stringify({ port, plain, encrypted }));
`;

const clientProgram = `
  import { acceptAnyHostKey, connect } from 'deadline-ssh';
  const [given, encrypted, crypto] = process.argv.slice(2);
  const { port, ...keys } = JSON.parse(given);
  const client = await connect({
    host: '127.0.0.1',
    port,
    username: 'me',
    privateKey: encrypted === 'true' ? keys.encrypted : keys.plain,
    passphrase: 'x',
    crypto,
    verifyHostKey: acceptAnyHostKey(),
    algorithms: { kex: ['curve25519-sha256'], cipher: ['aes128-gcm@openssh.com'] },
  });
  await client.close();
`;

/** The modules of the project that a process had loaded, however it loaded them: the engine knows them all. */
function modulesIn(coverage: string): string[] {
  const urls = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8')) as {
      result: { url: string }[];
    };
    return result.map(({ url }) => url);
  });
  return urls.flatMap((url) => /node_modules\/(?:deadline-ssh\/)?(.*)/.exec(url)?.[1] ?? []);
}

describe('its types', () => {
  const strictest = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noPropertyAccessFromIndexSignature: true,
    verbatimModuleSyntax: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'ES2023',
    rootDir: '.',
  };
  const nodenext = { module: 'nodenext', moduleResolution: 'nodenext' };
  const bundler = { module: 'esnext', moduleResolution: 'bundler' };
  const node20 = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
  const noDom = ['ES2023', 'ESNext.Disposable'];

  it.each([
    { name: 'nodenext, no DOM', options: { ...nodenext, ...node20, lib: noDom } },
    { name: 'nodenext, with DOM', options: { ...nodenext, ...node20, lib: [...noDom, 'DOM'] } },
    { name: 'bundler, no DOM', options: { ...bundler, ...node20, lib: noDom } },
    { name: 'bundler, with DOM', options: { ...bundler, ...node20, lib: [...noDom, 'DOM'] } },
    {
      name: 'nodenext, not strict',
      options: { ...nodenext, ...node20, lib: noDom, strict: false, exactOptionalPropertyTypes: false },
    },
  ])('check with $name', ({ options }) => {
    expect(typeErrors(specifiers, { ...strictest, ...options })).toBe('');
  });

  it('of the core check with neither Node nor DOM', () => {
    const options = { ...strictest, ...nodenext, types: [], lib: ['ES2023'] };
    expect(typeErrors(neutral, options)).toBe('');
  });

  it('are types: a wrong call is an error', () => {
    const options = { ...strictest, ...nodenext, ...node20, lib: noDom };
    const wrong = "import { connect } from 'deadline-ssh';\nexport const client = connect({ hots: 'a' });\n";
    expect(typeErrors([], options, wrong)).toContain("'hots' does not exist");
  });
});

/** What a program that imports all of them and uses the client is told by the compiler. */
function typeErrors(names: readonly string[], compilerOptions: object, text: string = uses(names)): string {
  writeFileSync(join(folder, 'main.ts'), text);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['main.ts'] }));
  const { stdout, stderr, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  if (status !== 0 && stdout === '') throw new Error(`the compiler did not run: ${stderr}`);
  return stdout;
}

function uses(names: readonly string[]): string {
  const all = names.map((name, index) => `export * as entry${index} from '${name}';`).join('\n');
  if (!names.includes('deadline-ssh')) return all;
  return `${all}
import { acceptAnyHostKey, type Client, connect, SshError } from 'deadline-ssh';
export async function uptime(host: string, password: string | undefined): Promise<number | undefined> {
  await using client: Client = await connect({ host, username: 'ops', password, verifyHostKey: acceptAnyHostKey() });
  const process = await client.exec('tail -f log', { pty: { columns: 100 } });
  process.stdout.pipe(process.stdin);
  const { stdout, code } = await client.run('uptime', { timeout: 5_000, signal: AbortSignal.timeout(1_000) });
  const bytes: Uint8Array = (await client.run('cat', { encoding: 'buffer', input: stdout })).stdout;
  const cause: SshError = await client.closed;
  return cause.code === 'ERR_SSH_CLOSED' ? code : bytes.length;
}
`;
}

/** Standard output of a module run in the project. */
function node(code: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 20_000,
  });
}
