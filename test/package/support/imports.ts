import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import ts from 'typescript'

/** What a file of the library may import. */
interface Area {
  /** The areas of the library, by folder. */
  readonly ours: readonly string[]
  /** Packages that may be imported as any other. */
  readonly packages: readonly string[]
  /** Packages that may only be imported as types, or when their time has come by `import()`. */
  readonly optional: readonly string[]
  /** Modules of Node's own; without this, all. */
  readonly builtins?: readonly string[]
}

/**
 * The rules of the house: core ← http ← nest, core ← stores, http and stores ← express-session, testing → core, observe →
 * core, passport → http.
 */
const areas: Readonly<Record<string, Area>> = {
  core: { ours: ['core'], packages: [], optional: [], builtins: ['node:crypto'] },
  http: { ours: ['core', 'http'], packages: ['bowser'], optional: ['express', 'fastify'] },
  nest: {
    ours: ['core', 'http', 'nest'],
    // rxjs is a peer of Nest, and so always there.
    packages: ['@nestjs/common', '@nestjs/core', 'rxjs'],
    optional: ['fastify'],
  },
  // The drop-in: a door that takes the stores of others as they are.
  'express-session': { ours: ['core', 'http', 'stores', 'express-session'], packages: [], optional: ['express'] },
  stores: { ours: ['core', 'stores'], packages: [], optional: ['redis', 'ioredis'] },
  passport: { ours: ['core', 'http', 'passport'], packages: [], optional: [] },
  observe: { ours: ['core', 'observe'], packages: ['@opentelemetry/api'], optional: [] },
  testing: { ours: ['core', 'testing'], packages: [], optional: [] },
  // src/index.ts, the Nest face.
  '': { ours: ['core', 'http', 'nest'], packages: [], optional: [] },
}

/** An import, however it is written. */
interface Import {
  readonly to: string
  /** Whether it loads the module together with the file it stands in. */
  readonly isEager: boolean
}

/** What a file of `src` imports against the rules, in words. */
export function trespasses(file: string, text: string): readonly string[] {
  const area = areas[areaOf(file)]
  if (!area) return [`${file} is in no area of the house`]
  return importsOf(file, text)
    .filter((item) => !isAllowed(file, area, item))
    .map(({ to, isEager }) => `${file} imports ${to}${isEager ? '' : ' (as a type, or later)'}`)
}

function isAllowed(file: string, area: Area, { to, isEager }: Import): boolean {
  if (to.startsWith('.')) {
    const target = join(dirname(file), to)
    return area.ours.includes(areaOf(target)) && isSameStore(file, target)
  }
  if (to.startsWith('node:')) return area.builtins?.includes(to) ?? builtinModules.includes(to.slice(5))
  return area.packages.includes(to) || (!isEager && area.optional.includes(to))
}

/** `src/http/door.ts` → `http`; `src/index.ts` → nothing. */
function areaOf(file: string): string {
  const [, area = '', rest] = /^src\/([^/]+)(\/.*)?$/.exec(file) ?? []
  return rest === undefined ? '' : area
}

/** A store and the folder beside it know no other store. What is common to several is in `keyed`. */
function isSameStore(file: string, target: string): boolean {
  const store = (path: string): string | undefined => /^src\/stores\/([^/.]+)/.exec(path)?.[1]
  const isDropIn = areaOf(file) === 'express-session' && store(target) === 'express'
  return isDropIn || [undefined, 'keyed', store(file)].includes(store(target))
}

/** Found by the compiler's own parser: declarations, `import()`, `require`, and `import()` in types. */
export function importsOf(file: string, text: string): readonly Import[] {
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    const item = importIn(node)
    if (item) found.push(item)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true))
  return found
}

function importIn(node: ts.Node): Import | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier)
    return { to: textOf(node.moduleSpecifier), isEager: !isTypeOnly(node) }
  if (ts.isImportEqualsDeclaration(node) && ts.isExternalModuleReference(node.moduleReference))
    return { to: textOf(node.moduleReference.expression), isEager: !node.isTypeOnly }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
    return { to: textOf(node.argument.literal), isEager: false }
  if (ts.isCallExpression(node) && isLoader(node.expression))
    return { to: textOf(node.arguments[0]), isEager: node.expression.kind !== ts.SyntaxKind.ImportKeyword }
  return undefined
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node) ? node.importClause?.isTypeOnly === true : node.isTypeOnly
}

function isLoader(callee: ts.Node): boolean {
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return true
  return ts.isIdentifier(callee) && callee.text === 'require'
}

function textOf(node: ts.Node | undefined): string {
  return node && ts.isStringLiteralLike(node) ? node.text : '(what only shows at run time)'
}
