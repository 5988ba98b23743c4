import { section, textOf } from './markdown.js'

/** The names that a module of the package exports: what is there when it runs, and what only the compiler sees. */
interface EntryPoint {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

const PAGE = 'docs/reference/exports.md'

/**
 * Everything that the package may export, by the name under which it is imported, as its page lists it. A name that goes or
 * comes is a change of the API, so the page changes with it.
 */
export const entryPoints: Readonly<Record<string, EntryPoint>> = Object.fromEntries(
  [...textOf(PAGE).matchAll(/^## (.+)$/gm)].map(([, name]) => {
    const text = section(PAGE, name!)
    return [name!, { values: listed(text, 'Values'), types: listed(text, 'Types') }]
  }),
)

function listed(text: string, kind: 'Values' | 'Types'): readonly string[] {
  const item = text.split(/\n(?=- )|\n\n/).find((part) => part.startsWith(`- ${kind}: `))
  if (item === undefined) throw new Error(`${PAGE} has a section without ${kind}.`)
  return [...item.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}
