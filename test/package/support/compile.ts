import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import ts from 'typescript'

/** What a careful user's tsconfig says. */
export const strict: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noUnusedLocals: true,
  verbatimModuleSyntax: true,
  isolatedModules: true,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  allowJs: true,
  checkJs: true,
  skipLibCheck: true,
}

/** A program over files of a consumer's folder, whose packages are found from there. */
export function programOf(folder: string, files: readonly string[], options: ts.CompilerOptions = strict): ts.Program {
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  host.getCurrentDirectory = () => folder
  host.getSourceFile = (name, ...rest) => {
    if (!name.includes('/node_modules/')) return getSourceFile(name, ...rest)
    const known = installed.get(name) ?? getSourceFile(name, ...rest)
    if (known) installed.set(name, known)
    return known
  }
  return ts.createProgram(files, options, host)
}

/** Declarations of packages are read once for all programs. */
const installed = new Map<string, ts.SourceFile>()

/** What the compiler has against a program, `file:line: message` each. */
export function complaints(program: ts.Program, folder: string): readonly string[] {
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, ' ')
    if (!file || start === undefined) return text
    return `${relative(folder, file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${text}`
  })
}

/** Writes the JavaScript of an ES module beside it, and answers its name. Types are not looked at. */
export function transpile(file: string): string {
  const compilerOptions = { ...strict, module: ts.ModuleKind.ESNext }
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions, fileName: file })
  const name = file.replace(/\.ts$/, '.js')
  writeFileSync(name, outputText)
  return name
}
