import { invalid } from '../../core/options.js'
import { reason, type SqliteDatabase, type SqliteStatement } from './driver.js'
import { IN_ORDER_OF_SIGN_IN, statements, type Statement } from './statements.js'

/**
 * Makes the table and its indexes if they are not there, and prepares the statements.
 *
 * A row with `moved` is no session: it says until `ends_at` that its record has moved to a new id, and holds what a former
 * key loads. It belongs to no subject, and the rest of it is by default. In a session `ends_at` is the earlier of the two
 * deadlines, so that one index finds what has ended. A table without rowid would cost twice as much for every verb once
 * the data take some kilobytes.
 *
 * @throws SessionError `OPTIONS_INVALID` if there is a table of this name with other columns.
 */
export function prepareTable(database: SqliteDatabase, table: string): Readonly<Record<Statement, SqliteStatement>> {
  database.exec(`
    CREATE TABLE IF NOT EXISTS "${table}" (
      key TEXT NOT NULL PRIMARY KEY, format INTEGER NOT NULL, subject TEXT, handle TEXT NOT NULL DEFAULT '',
      created_at INTEGER NOT NULL DEFAULT 0, authenticated_at INTEGER, rotated_at INTEGER NOT NULL DEFAULT 0,
      last_seen_at INTEGER NOT NULL DEFAULT 0, idle_timeout INTEGER NOT NULL DEFAULT 0,
      expires_at INTEGER NOT NULL DEFAULT 0, ends_at INTEGER NOT NULL, version INTEGER NOT NULL DEFAULT 0,
      persistent INTEGER NOT NULL DEFAULT 0, device TEXT, ip TEXT, former_key TEXT, data TEXT NOT NULL DEFAULT '{}',
      moved TEXT
    )`)
  try {
    // Names every column, and needs the key to be unique.
    database.prepare(statements(table).create)
  } catch (cause) {
    if (!/no (such )?column|ON CONFLICT|view/.test(reason(cause))) throw cause
    throw invalid(
      `SqliteStore: there is a table ${table} already, with other columns. Name another one with the option table.`,
      cause,
    )
  }
  database.exec(`CREATE INDEX IF NOT EXISTS "${table}_ends_at" ON "${table}" (ends_at)`)
  database.exec(
    `CREATE INDEX IF NOT EXISTS "${table}_subject" ON "${table}" (subject, ${IN_ORDER_OF_SIGN_IN}) WHERE subject IS NOT NULL`,
  )
  return prepared(database, statements(table))
}

function prepared(
  database: SqliteDatabase,
  sql: Readonly<Record<Statement, string>>,
): Record<Statement, SqliteStatement> {
  const entries = Object.entries(sql).map(([name, text]) => {
    const statement: SqliteStatement & { setReturnArrays?: (on: boolean) => unknown } = database.prepare(text)
    // A database of node:sqlite can be told to give rows as arrays.
    statement.setReturnArrays?.(false)
    return [name, statement] as const
  })
  return Object.fromEntries(entries) as Record<Statement, SqliteStatement>
}
