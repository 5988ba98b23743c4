import ts from 'typescript'
import { entryPoints } from './entry-points.js'

/** Ways in which a piece of code may stand in a file. */
const SURROUNDINGS: readonly (readonly [before: string, after: string])[] = [
  ['', ''],
  ['async function around() {\n', '\n}'],
  ['class Around {\n', '\n}'],
]

/** What is wrong with a fragment: its grammar, or a name that Latchkey doesn't export. */
export function faultsOf(code: string): readonly string[] {
  const readings = SURROUNDINGS.map(([before, after]) => parse(before + code + after))
  const sound = readings.find(({ errors }) => errors.length === 0)
  return sound ? unknownNames(sound.file) : readings[0]!.errors
}

interface Reading {
  readonly file: ts.SourceFile
  readonly errors: readonly string[]
}

function parse(code: string): Reading {
  const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, experimentalDecorators: true }
  const { diagnostics = [] } = ts.transpileModule(code, { compilerOptions: options, reportDiagnostics: true })
  return {
    file: ts.createSourceFile('fragment.ts', code, ts.ScriptTarget.ES2023),
    errors: diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' ')),
  }
}

function unknownNames(file: ts.SourceFile): readonly string[] {
  return file.statements.filter(ts.isImportDeclaration).flatMap((statement) => {
    const module = (statement.moduleSpecifier as ts.StringLiteral).text
    if (module !== 'latchkey' && !module.startsWith('latchkey/')) return []
    const known = entryPoints[module]
    if (!known) return [`there is no ${module}`]
    const bindings = statement.importClause?.namedBindings
    const names = bindings && ts.isNamedImports(bindings) ? bindings.elements : []
    return names
      .map(({ propertyName, name }) => (propertyName ?? name).text)
      .filter((name) => !known.values.includes(name) && !known.types.includes(name))
      .map((name) => `${module} exports no ${name}`)
  })
}
