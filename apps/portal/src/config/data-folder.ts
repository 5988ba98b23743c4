import { randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Logger } from '@nestjs/common'
import { SettingsError } from './settings.js'

const FILE = 'session-secret'

/** Makes the data folder, readable by its owner alone, if it is missing. */
export function makeDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new SettingsError(
      `The data folder ${folder} can't be made: ${(cause as Error).message}. Set DATA_DIR to a folder that can be written to.`,
      { cause },
    )
  }
}

/**
 * The secret of this data folder, for development: made at the first start and kept, so that a restart signs nobody out.
 * Two processes that start at once get the same one.
 */
export function keptSecret(folder: string): string {
  const path = join(folder, FILE)
  const kept = read(path)
  if (kept !== undefined) return kept
  // Written under another name first: nobody ever reads half a secret.
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(draft, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
    linkSync(draft, path)
    new Logger('Portal').log(`SESSION_SECRET is not set, so one was made for development. It is kept in ${path}.`)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw unusable(path, (cause as Error).message, cause)
  } finally {
    rmSync(draft, { force: true })
  }
  return read(path) ?? keptSecret(folder)
}

function read(path: string): string | undefined {
  let secret: string
  try {
    secret = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unusable(path, (cause as Error).message, cause)
  }
  if (secret.length < 32) throw unusable(path, 'it holds less than 32 characters')
  return secret
}

function unusable(path: string, reason: string, cause?: unknown): SettingsError {
  return new SettingsError(
    `The session secret can't be kept in ${path}: ${reason}. Remove the file, make its folder writable, or set SESSION_SECRET.`,
    { cause },
  )
}
