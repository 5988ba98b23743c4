// Writes COUNT keys to the record under KEY, one by one, and prints each when it is stored. Uses the built library.
import { writeSync } from 'node:fs'
import { SqliteStore } from '../../dist/stores/sqlite.js'

const [path, key, name, count] = process.argv.slice(2)
const store = new SqliteStore({ path, busyTimeout: 5_000 })
for (let index = 0; index < Number(count); index++) {
  const outcome = store.update(key, { set: new Map([[`${name}${index}`, '1']]), remove: [] })
  writeSync(1, `${name}${index} ${outcome}\n`)
}
store.close()
