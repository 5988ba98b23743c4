import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeBlocks, type CodeBlock } from './markdown.js'

/** The modules of a page, as files of one project. */
export interface PageProject {
  readonly folder: string
  readonly files: readonly string[]
  /** The file of the block `run=NAME`. */
  entry(name: string): string
}

const LANGUAGES = ['ts', 'js']

/** Whether a block is code of ours, whole or in part. */
export function isCode(block: CodeBlock): boolean {
  return LANGUAGES.includes(block.language)
}

export function isFragment(block: CodeBlock): boolean {
  return block.words.includes('fragment')
}

/** What stands after `NAME=` in the info string. */
export function word(block: CodeBlock, name: 'file' | 'run'): string | undefined {
  return block.words.find((item) => item.startsWith(`${name}=`))?.slice(name.length + 1)
}

/** Writes the modules of a page below a folder of a consumer, each line where it is on the page. */
export function writePage(under: string, page: string, edit: (code: string) => string = (code) => code): PageProject {
  const folder = join(under, page.replace(/\.md$/, ''))
  mkdirSync(folder, { recursive: true })
  const entries = new Map<string, string>()
  const files = codeBlocks(page)
    .filter((block) => isCode(block) && !isFragment(block))
    .map((block) => {
      const name = word(block, 'file') ?? `line-${block.line}.${block.language}`
      const file = join(folder, name)
      writeFileSync(file, '\n'.repeat(block.line - 1) + edit(block.text))
      const run = word(block, 'run')
      if (run !== undefined) entries.set(run, file)
      return file
    })
  return {
    folder,
    files,
    entry(name) {
      const file = entries.get(name)
      if (file === undefined) throw new Error(`${page} has no block run=${name}.`)
      return file
    },
  }
}
