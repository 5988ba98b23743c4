import { afterAll } from 'vitest'
import { takeLeaks, watchSecrets } from './told.js'

// Run before each file of tests, see vitest.config.ts: whatever the tests of the file are about, none of their lines, events,
// warnings and prints may hold an id or a key.
watchSecrets()

afterAll(() => {
  const leaks = takeLeaks()
  if (leaks.length > 0) throw new Error(`An id or a key was told ${leaks.length} times, first in: ${leaks[0]}`)
})
