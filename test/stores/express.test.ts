import { afterAll, describe, test } from 'vitest'
import { fromExpressStore, type ExpressStore } from '../../src/stores/express.js'
import { storeConformance } from '../../src/testing/conformance.js'
import { theirStores } from '../support/express-stores.js'

/** Tests that run many rounds of calls at once: who comes first is made in this process, whatever is under it. */
const RACE = /race|parallel|at the same time|during/

// How Redis keeps records is shown elsewhere; what connect-redis adds is in `express-kept.test.ts`.
describe.each(theirStores.filter(({ name }) => name !== 'connect-redis'))(
  'fromExpressStore on $name',
  ({ isInMemory, name, open, stop }) => {
    afterAll(stop)

    let last: ExpressStore
    storeConformance({
      test: (name, run) => (isInMemory || !RACE.test(name)) && test(name, { timeout: 60_000 }, run),
      async open(clock) {
        last = await open()
        return fromExpressStore(last, { clock })
      },
      // Two stores on the same one of theirs, as two modules of one process may make them. Once is enough.
      ...(name === 'memorystore' && { openAnother: (clock) => fromExpressStore(last, { clock }) }),
    })
  },
)
