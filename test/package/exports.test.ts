import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { complaints, programOf, strict } from './support/compile.js'
import { entryPoints } from './support/entry-points.js'
import { run } from './support/program.js'
import { publicApi, type PublicApi } from './support/public-api.js'
import { root } from './support/root.js'

const { nest11, nest12 } = inject('consumers')
const modules = Object.keys(entryPoints)

let api: PublicApi
beforeAll(() => {
  api = publicApi(nest12, modules)
})

test('the paths in package.json are the listed ones, and package.json itself', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { exports: object }
  const paths = modules.map((name) => name.replace(/^latchkey/, '.'))
  expect(Object.keys(exports)).toEqual([...paths, './package.json'])
})

describe.each(modules)('%s', (name) => {
  test('exports the listed values, and no others', async () => {
    const code = `console.log(JSON.stringify(Object.keys(await import('${name}'))))`
    const { stdout } = await run(nest12, ['--input-type=module', '--eval', code])
    expect((JSON.parse(stdout) as string[]).toSorted()).toEqual(entryPoints[name]!.values)
  })

  test('declares the listed values and types, and no others', () => {
    const { values, types } = entryPoints[name]!
    expect([...api.exportsOf(name).keys()].toSorted()).toEqual([...values, ...types].toSorted())
  })

  test('says in a doc comment what each of them is', () => {
    expect(undocumented(api, name)).toEqual([])
  })
})

describe('the declarations', () => {
  const all = { ...strict, skipLibCheck: false }

  test.each([
    ['Nest 12', nest12],
    ['Nest 11', nest11],
  ])('are sound without skipLibCheck, with %s', (_, folder) => {
    const file = join(folder, 'all.ts')
    writeFileSync(file, modules.map((name) => `import '${name}'`).join('\n'))
    expect(complaints(programOf(folder, [file], all), folder)).toEqual([])
  })

  test('would be refused if they were not', () => {
    const file = join(nest12, 'broken.d.ts')
    writeFileSync(file, 'export declare const broken: Missing\n')
    expect(complaints(programOf(nest12, [file], all), nest12)).toEqual([expect.stringContaining('Missing')])
  })
})

test('an export without a doc comment is found', () => {
  writeFileSync(join(nest12, 'bare.ts'), '/** Said. */\nexport const said = 1\nexport const bare = 2\n')
  expect(undocumented(publicApi(nest12, ['./bare.js']), './bare.js')).toEqual(['bare'])
})

function undocumented({ checker, exportsOf }: PublicApi, module: string): readonly string[] {
  const symbols = [...exportsOf(module)]
  return symbols.filter(([, symbol]) => symbol.getDocumentationComment(checker).length === 0).map(([name]) => name)
}
