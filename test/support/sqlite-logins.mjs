// Signs people in on the SQLite file PATH, one per line of input, and prints how each went. A line is
// `{ record, limit, from, patch }`: with `from` that record moves to the key of `record`, otherwise `record` is created.
// With TELLS it prints `waiting` before each order's first attempt to write. MAKE is `path`, or `database` for a store on
// a database that is handed in. Uses the built library.
import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import Database from 'libsql'
import { SqliteStore } from '../../dist/stores/sqlite.js'

const [path, make, tells] = process.argv.slice(2)
let isTold = true

/** From these calls on it has the lock to write, or waits for it. */
function tell() {
  if (!isTold) say('waiting')
  isTold = true
}

class TellingDatabase extends Database {
  exec(sql) {
    if (sql.startsWith('BEGIN IMMEDIATE')) tell()
    return super.exec(sql)
  }

  prepare(sql) {
    const statement = super.prepare(sql)
    const run = statement.run.bind(statement)
    statement.run = (...values) => {
      tell()
      return run(...values)
    }
    return statement
  }
}

const store = make === 'database' ? new SqliteStore({ database: handedIn() }) : opened()
say('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const { record, limit, from } = JSON.parse(line)
  isTold = tells === undefined
  say(signIn({ ...record, data: new Map() }, limit, from))
}
store.close()

function opened() {
  return new SqliteStore({ path, driver: TellingDatabase, busyTimeout: 10_000 })
}

function handedIn() {
  const database = new TellingDatabase(path)
  database.exec('PRAGMA busy_timeout = 10000')
  return database
}

function signIn(record, limit, from) {
  try {
    if (from === undefined) return { evicted: store.create(record, limit)?.evicted }
    const { key, subject, authenticatedAt, rotatedAt, device, ip } = record
    const signIn = { authenticatedAt, device, ip }
    const outcome = store.rotate(from, key, { set: new Map(), remove: [], subject, rotatedAt, signIn, limit })
    return outcome === 'updated' ? {} : outcome
  } catch (error) {
    return { code: error.code }
  }
}

function say(what) {
  writeSync(1, `${JSON.stringify(what)}\n`)
}
