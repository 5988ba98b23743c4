import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { complaints, programOf } from './support/compile.js'
import { faultsOf } from './support/fragments.js'
import { codeBlocks, pages, textOf } from './support/markdown.js'
import { isCode, isFragment, writePage } from './support/page-project.js'

const { nest12 } = inject('consumers')

/** Languages that no test looks at. */
const LEFT_ALONE = ['sh', 'json', 'text', 'nginx']

test('every block of a page says its language, and what is left alone is not code of ours', () => {
  const odd = pages
    .flatMap((page) => codeBlocks(page))
    .filter((block) => !isCode(block) && !LEFT_ALONE.includes(block.language))
  expect(odd.map(({ page, line, language }) => `${page}:${line}: ${language}`)).toEqual([])
})

test('every word after a language is one that CONTRIBUTING explains', () => {
  const odd = pages
    .flatMap((page) => codeBlocks(page))
    .flatMap((block) => block.words.map((item) => ({ block, item })))
    .filter(({ item, block }) => !/^(fragment|file=.+|run=.+)$/.test(item) || !isCode(block))
  expect(odd.map(({ block, item }) => `${block.page}:${block.line}: ${item}`)).toEqual([])
})

const withCode = pages.filter((page) => codeBlocks(page).some((block) => isCode(block) && !isFragment(block)))

test.each(withCode)('the modules of %s compile against the package', (page) => {
  const { files } = writePage(join(nest12, 'pages'), page)
  expect(complaints(programOf(nest12, files), join(nest12, 'pages'))).toEqual([])
})

const fragments = pages.flatMap((page) => codeBlocks(page)).filter((block) => isCode(block) && isFragment(block))

test.each(fragments.map((block) => [block.page, block.line, block.text] as const))(
  'the fragment at %s:%i is written in the language, with names that exist',
  (_page, _line, text) => {
    expect(faultsOf(text)).toEqual([])
  },
)

describe('a fault would be seen', () => {
  test('in a module, with the line of its page', () => {
    const under = join(nest12, 'broken-pages')
    const { files } = writePage(under, 'README.md', (code) => code.replace('session.destroy()', 'session.end()'))
    const line =
      textOf('README.md')
        .split('\n')
        .findIndex((text) => text.includes('session.destroy()')) + 1
    const found = complaints(programOf(nest12, files), under)
    expect(found).toEqual([expect.stringMatching(`^README/.+:${line}: Property 'end' does not exist`)])
  })

  test.each([
    ['grammar', 'const a = ;'],
    ['a name', "import { SessionModul } from 'latchkey'"],
    ['a path', "import { FileStore } from 'latchkey/stores/file'"],
  ])('in a fragment: %s', (_, code) => {
    expect(faultsOf(code)).toHaveLength(1)
  })

  test('but a member of a class, or a statement, may stand alone', () => {
    expect(faultsOf('@Get()\nme() {\n  return { id: 1 }\n}')).toEqual([])
    expect(faultsOf('await session.save()\nreturn session.handle')).toEqual([])
  })
})
