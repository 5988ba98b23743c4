import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The first of these commands that is there, in the folders given or on the PATH. */
export function findCommand(names: readonly string[], folders: readonly string[] = []): string {
  for (const name of names) {
    for (const folder of [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]) {
      const path = join(folder, name)
      if (isProgram(path)) return path
    }
  }
  throw new Error(`None of ${names.join(', ')} is on the PATH: install one of them. \`npm test\` says more.`)
}

/** The folders of Debian's PostgreSQL, which are not on the PATH, the newest first. */
export function debianPostgresFolders(): readonly string[] {
  const base = '/usr/lib/postgresql'
  try {
    return readdirSync(base)
      .toSorted((a, b) => Number(b) - Number(a))
      .map((version) => join(base, version, 'bin'))
  } catch {
    return []
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
