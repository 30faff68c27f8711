/**
 * Code of `dist` that is loaded when it is first needed.
 *
 * Owns: how it is loaded, so that a process that was out of file descriptors once
 * can load it later.
 * Must not know: which modules they are.
 *
 * Node before 22.20 and 24.7 keeps the failure of an `import()`: every later one of
 * the same module, or of one that needs it, fails with the same EMFILE. `require`
 * of a module keeps nothing, and both give the same module. So `require` goes
 * first there. It reads the files in one go, which holds the event loop for as long.
 * Everywhere else `import()` tries again by itself.
 */

/**
 * What stands in place of `import()`. Its text goes into `dist`, so it uses
 * nothing from around it.
 *
 * @param {string} specifier of a module beside the one that loads it
 * @param {string} base address of the module that loads it
 * @param {() => Promise<unknown>} importIt the `import()` itself, which bundlers of others see
 */
async function lateImport(specifier, base, importIt) {
  let required;
  try {
    const { process } = globalThis;
    const { bun, deno, node } = process.versions;
    const [major, minor] = node.split('.').map(Number);
    const keepsFailures = major === 22 ? minor < 20 : major === 24 ? minor < 7 : major < 24;
    const isNode = bun === undefined && deno === undefined && process.features.require_module === true;
    // Not by an import: `dist` has entries that run where there is no Node.
    const { createRequire } = process.getBuiltinModule('node:module');
    const { existsSync } = process.getBuiltinModule('node:fs');
    // In a realm of its own, as some test runners have, the module would belong to another realm.
    const isThisRealm = createRequire instanceof Function;
    // Where a bundler of others took the file into its own, there is none.
    const isThere = existsSync(new URL(specifier, base));
    if (keepsFailures && isNode && isThisRealm && isThere) required = createRequire(base);
  } catch {
    // Not Node, or one without these.
  }
  if (required === undefined) return importIt();
  try {
    return required(specifier);
  } catch (error) {
    // Somebody imports the same module at this moment: that one has to be waited for.
    if (String(error?.code).startsWith('ERR_REQUIRE_')) return importIt();
    throw error;
  }
}

/** A plugin of rolldown: each `import()` of a file of `dist` becomes a call of the function above. */
export const lateImports = {
  name: 'late imports',
  generateBundle: (_options, bundle) => {
    for (const chunk of Object.values(bundle)) {
      let found = false;
      const code = chunk.code?.replace(/\bimport\((["'])(\.[^"']+)\1\)/g, (whole, _quote, specifier) => {
        found = true;
        return `lateImport(${JSON.stringify(specifier)}, import.meta.url, () => ${whole})`;
      });
      if (found) chunk.code = withHelper(code);
    }
  },
};

/** Behind the line that names the interpreter, where there is one. */
function withHelper(code) {
  const [interpreter = ''] = /^#!.*\n/.exec(code) ?? [];
  const text = lateImport.toString().replace(/\n\s*\/\/[^\n]*/g, '');
  return `${interpreter}${text}\n${code.slice(interpreter.length)}`;
}
