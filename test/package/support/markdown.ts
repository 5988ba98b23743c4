import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './root.js'

/** The pages of the package, by their path in the repository. */
export const pages: readonly string[] = [...pagesIn(''), ...pagesIn('docs')].toSorted()

/** The pages of the applications beside it. */
export const pagesBeside: readonly string[] = ['apps/portal', 'benchmarks'].flatMap(pagesIn)

/** The pages in a folder; in docs, those below it too. */
function pagesIn(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: folder === 'docs', encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}

/** A fenced block. */
export interface CodeBlock {
  readonly page: string
  /** The line of its first line of code, from 1. */
  readonly line: number
  readonly language: string
  /** What follows the language in the info string. */
  readonly words: readonly string[]
  readonly text: string
}

export function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

/** The fenced blocks of a page, also those that are indented in a list. */
export function codeBlocks(page: string, text: string = textOf(page)): readonly CodeBlock[] {
  const blocks: CodeBlock[] = []
  let open: { fence: string; indent: string; info: readonly string[]; line: number; code: string[] } | undefined
  text.split('\n').forEach((line, index) => {
    const [, indent = '', fence = '', info = ''] = /^(\s*)(`{3,}|~{3,})(.*)$/.exec(line) ?? []
    if (!open) {
      if (fence) open = { fence, indent, info: info.trim().split(/\s+/), line: index + 2, code: [] }
    } else if (fence.startsWith(open.fence) && info.trim() === '') {
      const [language = '', ...words] = open.info
      blocks.push({ page, line: open.line, language, words, text: open.code.join('\n') })
      open = undefined
    } else open.code.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
  })
  if (open) throw new Error(`${page}:${open.line}: the block is never closed.`)
  return blocks
}

/** A page without its code. */
export function prose(page: string, text: string = textOf(page)): string {
  return text.replace(/^(\s*)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\s*\2[^\S\n]*$/gm, '')
}

/** The text of the section under a heading, up to the next heading of its rank. */
export function section(page: string, heading: string): string {
  const lines = textOf(page).split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === heading)
  if (start < 0) throw new Error(`${page} has no heading "${heading}".`)
  const rank = /^#+/.exec(lines[start]!)![0].length
  const length = lines.slice(start + 1).findIndex((line) => (/^(#+) /.exec(line)?.[1]?.length ?? 99) <= rank)
  return lines.slice(start + 1, length < 0 ? undefined : start + 1 + length).join('\n')
}

/** The rows of all tables in a text, without the heads; each cell trimmed. */
export function tableRows(text: string): readonly (readonly string[])[] {
  const lines = text.split('\n').map((line) => line.trim())
  return lines
    .filter((line, index) => line.startsWith('|') && !isRule(line) && !isRule(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}

/** What the rows of all tables in a text begin with, without the marks of code; several where a cell names several. */
export function firstCells(text: string): readonly string[] {
  return tableRows(text).flatMap(([cell = '']) => quotedIn(cell))
}

/** A cell without the marks of code around it. */
export function unquoted(cell: string): string {
  return cell.replace(/^`(.*)`$/, '$1')
}

/** What a text marks as code. */
export function quotedIn(text: string): readonly string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}

function isRule(line: string): boolean {
  return /^\|[\s:|-]+\|$/.test(line)
}
