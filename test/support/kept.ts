import { existsSync, readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import Database from 'libsql'
import type { MemoryStore } from '../../src/stores/memory.js'
import type { RedisServer } from './redis-server.js'

/** What a store keeps, as somebody finds it who reads its memory, its file or its keys. */
export interface Kept {
  /** How many sessions there are, whether they have ended or not. */
  readonly sessions: number
  /** Every text: keys, names, values, and the whole of a file. */
  readonly texts: readonly string[]
}

/** Reads the private fields of a memory store, as a debugger does. */
export function keptInMemory(store: MemoryStore): Kept {
  const shared = globalThis as { keptInMemory?: unknown }
  const inspector = new Session()
  inspector.connect()
  try {
    shared.keptInMemory = store
    const texts: string[] = []
    let sessions = 0
    const read = (fields: readonly Field[]): void => {
      for (const { name, value } of fields) {
        if (value?.objectId === undefined) continue
        // What it keeps beside its records is in objects of its own.
        if (value.subtype !== 'map') {
          read(privateFieldsOf(inspector, value.objectId))
          continue
        }
        const entries = entriesOf(inspector, value.objectId)
        if (name === '#records') sessions = entries.length
        texts.push(...entries.flatMap(textsIn))
      }
    }
    read(privateFields(inspector, 'keptInMemory'))
    return { sessions, texts }
  } finally {
    delete shared.keptInMemory
    inspector.disconnect()
  }
}

interface Field {
  readonly name: string
  readonly value?: { readonly objectId?: string; readonly subtype?: string }
}

function privateFields(inspector: Session, expression: string): readonly Field[] {
  let fields: readonly Field[] = []
  // These calls answer before they return.
  inspector.post('Runtime.evaluate', { expression }, (_error, { result }) => {
    fields = privateFieldsOf(inspector, result.objectId ?? '')
  })
  if (fields.length === 0) throw new Error(`The debugger shows no private fields of ${expression}.`)
  return fields
}

function privateFieldsOf(inspector: Session, objectId: string): readonly Field[] {
  let fields: readonly Field[] = []
  inspector.post('Runtime.getProperties', { objectId }, (_failed, answer) => {
    fields = (answer as { privateProperties?: readonly Field[] }).privateProperties ?? []
  })
  return fields
}

/** The entries of a map, maps inside of it as lists of entries. */
function entriesOf(inspector: Session, objectId: string): readonly unknown[] {
  const functionDeclaration = `function () {
    return JSON.stringify([...this], (_, value) => (value instanceof Map ? [...value] : value))
  }`
  let text = '[]'
  inspector.post('Runtime.callFunctionOn', { objectId, functionDeclaration }, (_error, { result }) => {
    text = String(result.value)
  })
  return JSON.parse(text) as unknown[]
}

/** Every text in a value of JSON, keys included. */
function textsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [String(value)]
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsIn(item)])
}

/** Reads the file of a SQLite store, its log, and every row of every table. */
export function keptInSqlite(path: string): Kept {
  const files = [path, `${path}-wal`].filter((file) => existsSync(file))
  const texts = files.map((file) => readFileSync(file, 'latin1'))
  const database = new Database(path, { readonly: true })
  try {
    const all = (sql: string): Record<string, unknown>[] => database.prepare(sql).all() as Record<string, unknown>[]
    let sessions = 0
    for (const { name } of all("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
      const rows = all(`SELECT * FROM "${String(name)}"`)
      sessions += rows.filter((row) => row['moved'] === null).length
      texts.push(...rows.flatMap(textsIn))
    }
    return { sessions, texts }
  } finally {
    database.close()
  }
}

/** Reads every key with this prefix, and all that is under it. */
export async function keptInRedis(server: RedisServer, prefix: string): Promise<Kept> {
  const keys = (await server.command('KEYS', `${prefix}*`)) as string[]
  const texts = [...keys]
  let sessions = 0
  for (const key of keys) {
    const isHash = (await server.command('TYPE', key)) === 'hash'
    const read = isHash ? ['HGETALL', key] : ['ZRANGE', key, '0', '-1', 'WITHSCORES']
    const content = (await server.command(...read)) as string[]
    // A hash that has only the field r says that its session has moved.
    if (isHash && content[0] !== 'r') sessions++
    texts.push(...content)
  }
  return { sessions, texts }
}
