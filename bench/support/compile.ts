// Programs of the benches whose start-up counts are compiled once, into a folder of their own.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import ts from 'typescript';

/** Compiles files that import nothing but Node's modules and types; returns the folder. */
export function compileTo(folder: string, paths: readonly string[]): string {
  mkdirSync(folder, { recursive: true });
  for (const path of paths) {
    const { outputText } = ts.transpileModule(readFileSync(path, 'utf8'), {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    });
    writeFileSync(join(folder, basename(path).replace(/ts$/, 'js')), outputText);
  }
  return folder;
}
