/**
 * `npm run types`: the types of the package as its users get them, packed and
 * installed, under each TypeScript that is supported, each way of finding
 * modules, with `types: ["node"]` and without. The compilers come from npm.
 *
 * Owns: the versions, the project around the package, the table.
 * Must not know: what the consumer does (consumer.ts.txt).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The oldest is what README.md promises. */
const versions = ['5.2', '5.6', '5.9', '6.0', '7.0'];
const resolutions = [
  { module: 'node16', moduleResolution: 'node16' },
  { module: 'nodenext', moduleResolution: 'nodenext' },
  { module: 'esnext', moduleResolution: 'bundler' },
];
const typesOptions = [
  { name: 'types: ["node"]', types: ['node'] },
  { name: 'no types', types: undefined },
];

const nameOf = (version) => `typescript-${version.replace('.', '-')}`;

/** Packs, and installs the package with its compilers; the folder of that project. */
function install(folder) {
  execFileSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const packed = execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  const dependencies = {
    'deadline-ssh': `file:${join(folder, packed.trim())}`,
    '@types/node': '^20',
    ...Object.fromEntries(versions.map((version) => [nameOf(version), `npm:typescript@~${version}.0`])),
  };
  const manifest = { private: true, type: 'module', dependencies };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], {
    cwd: folder,
    stdio: 'inherit',
  });
  copyFileSync(fileURLToPath(new URL('consumer.ts.txt', import.meta.url)), join(folder, 'consumer.ts'));
}

/** What a compiler says of the consumer; empty where it has nothing to say. */
function complaints(folder, version, resolution, types) {
  const compilerOptions = {
    ...resolution,
    types,
    target: 'es2022',
    lib: ['es2023'],
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    noEmit: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  const compiler = join(folder, 'node_modules', nameOf(version), 'bin/tsc');
  const { stdout, stderr, status } = spawnSync(process.execPath, [compiler], {
    cwd: folder,
    encoding: 'utf8',
  });
  const said = `${stdout}${stderr}`.trim();
  return status === 0 ? '' : said === '' ? `ended with ${status}` : said;
}

/** Whether a compiler notices a call that the types do not allow: a table of successes says nothing otherwise. */
function seesFaults(folder, version) {
  const file = join(folder, 'consumer.ts');
  copyFileSync(fileURLToPath(new URL('consumer.ts.txt', import.meta.url)), file);
  writeFileSync(
    join(folder, 'fault.ts'),
    "import { connect } from 'deadline-ssh';\nexport const wrong = connect({ hots: 'a' });\n",
  );
  const compilerOptions = { module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['fault.ts'] }));
  const compiler = join(folder, 'node_modules', nameOf(version), 'bin/tsc');
  const { stdout } = spawnSync(process.execPath, [compiler], { cwd: folder, encoding: 'utf8' });
  return stdout.includes("'hots'");
}

const folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-types-'));
let failures = 0;
try {
  install(folder);
  for (const version of versions) {
    const isAwake = seesFaults(folder, version);
    if (!isAwake) failures++;
    console.log(`${isAwake ? 'ok' : 'NO'}  TypeScript ${version} refuses an option that is misspelt`);
    for (const resolution of resolutions) {
      for (const { name, types } of typesOptions) {
        const said = complaints(folder, version, resolution, types);
        if (said !== '') failures++;
        console.log(
          `${said === '' ? 'ok' : 'NO'}  TypeScript ${version}, ${resolution.moduleResolution}, ${name}`,
        );
        if (said !== '') console.log(said.split('\n').slice(0, 10).join('\n'));
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(failures === 0 ? 'every compiler takes the types' : `${failures} failed`);
process.exitCode = failures === 0 ? 0 : 1;
