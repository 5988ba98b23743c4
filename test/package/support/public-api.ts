import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { programOf } from './compile.js'

/** What the compiler knows of the installed package. */
export interface PublicApi {
  readonly checker: ts.TypeChecker
  /** The exports of a module by their names, aliases followed to what they stand for. */
  exportsOf(module: string): ReadonlyMap<string, ts.Symbol>
}

export function publicApi(folder: string, modules: readonly string[]): PublicApi {
  const file = join(folder, 'public-api.ts')
  writeFileSync(file, modules.map((module) => `import '${module}'`).join('\n'))
  const program = programOf(folder, [file])
  const checker = program.getTypeChecker()
  const imports = program.getSourceFile(file)!.statements.filter(ts.isImportDeclaration)
  return {
    checker,
    exportsOf(module) {
      const specifier = imports[modules.indexOf(module)]?.moduleSpecifier
      const symbol = specifier && checker.getSymbolAtLocation(specifier)
      if (!symbol) throw new Error(`${module} has no types.`)
      const exported = checker.getExportsOfModule(symbol).map((item) => [item.name, resolved(checker, item)] as const)
      return new Map(exported)
    },
  }
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

/** The names of the properties of an exported interface, its parents' included. */
export function propertiesOf(api: PublicApi, module: string, name: string): readonly string[] {
  return typeOf(api, module, name)
    .getProperties()
    .map((property) => property.name)
}

/** The literals of an exported union of strings. */
export function literalsOf(api: PublicApi, module: string, name: string): readonly string[] {
  const type = typeOf(api, module, name)
  if (!type.isUnion()) throw new Error(`${name} is no union.`)
  return type.types.map((member) => (member as ts.StringLiteralType).value)
}

/** The members of an exported union of objects: the value of their `tag`, and the names of their other properties, those of all with it. */
export function membersOf(
  api: PublicApi,
  module: string,
  name: string,
  tag: string,
): ReadonlyMap<string, readonly string[]> {
  const type = typeOf(api, module, name)
  if (!type.isUnion()) throw new Error(`${name} is no union.`)
  return joined(
    type.types.map((member) => {
      const property = member.getProperty(tag)
      if (!property) throw new Error(`A member of ${name} has no ${tag}.`)
      const { value } = api.checker.getTypeOfSymbol(property) as ts.StringLiteralType
      const names = member.getProperties().map((other) => other.name)
      return [value, names.filter((other) => other !== tag)]
    }),
  )
}

/** The literals that a property may have in each member of an exported union of objects, by the member's `tag`. */
export function literalsIn(
  api: PublicApi,
  module: string,
  name: string,
  tag: string,
  property: string,
): ReadonlyMap<string, readonly string[]> {
  const type = typeOf(api, module, name)
  const valuesOf = (member: ts.Type, of: string): readonly string[] => {
    const symbol = member.getProperty(of)
    const value = symbol && api.checker.getTypeOfSymbol(symbol)
    const literals = value?.isUnion() ? value.types : value ? [value] : []
    return literals.filter((literal) => literal.isStringLiteral()).map((literal) => literal.value)
  }
  const members = type.isUnion() ? type.types : [type]
  const entries = members.map((member) => [valuesOf(member, tag)[0] ?? '', valuesOf(member, property)] as const)
  return joined(entries.filter(([, values]) => values.length > 0))
}

/** Lists by their names; those of one name as one. */
function joined(
  entries: readonly (readonly [name: string, values: readonly string[]])[],
): ReadonlyMap<string, readonly string[]> {
  const all = new Map<string, readonly string[]>()
  for (const [name, values] of entries) all.set(name, [...new Set([...(all.get(name) ?? []), ...values])])
  return all
}

function typeOf(api: PublicApi, module: string, name: string): ts.Type {
  const symbol = api.exportsOf(module).get(name)
  if (!symbol) throw new Error(`${module} exports no ${name}.`)
  return api.checker.getDeclaredTypeOfSymbol(symbol)
}
