// For each `{ path, isBuiltIn, user }` that it is sent it makes a store on that file, and says how that went. With
// `isBuiltIn` it uses node:sqlite where Node has it, and with `user` it gives up the rights of root before. Uses the built
// library.
import { createRequire } from 'node:module'
import { SqliteStore } from '../../dist/stores/sqlite.js'

// Loads the driver while everything may be read.
new SqliteStore({ path: ':memory:' }).close()

process.on('message', (order) => process.send(started(order)))
process.send('ready')

function started({ path, isBuiltIn, user }) {
  if (user !== undefined) process.setuid(user)
  try {
    new SqliteStore({ path, driver: isBuiltIn ? builtIn() : undefined }).close()
    return 'started'
  } catch (error) {
    return `${error.code} ${error.message}`
  }
}

function builtIn() {
  try {
    return createRequire(import.meta.url)('node:sqlite').DatabaseSync
  } catch {
    return undefined
  }
}
