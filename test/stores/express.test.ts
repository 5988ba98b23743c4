import { afterAll, describe, test } from 'vitest'
import { fromExpressStore, type ExpressStore } from '../../src/stores/express.js'
import { storeConformance } from '../../src/testing/conformance.js'
import { theirStores } from '../support/express-stores.js'

// How Redis keeps records is shown elsewhere; what connect-redis adds is in `express-kept.test.ts`.
describe.each(theirStores.filter(({ name }) => name !== 'connect-redis'))(
  'fromExpressStore on $name',
  ({ name, open, stop }) => {
    afterAll(stop)

    let last: ExpressStore
    storeConformance({
      test,
      async open(clock) {
        last = await open()
        return fromExpressStore(last, { clock })
      },
      // Two stores on the same one of theirs, as two modules of one process may make them. Once is enough: what is theirs
      // has no part in it.
      ...(name === 'memorystore' && { openAnother: (clock) => fromExpressStore(last, { clock }) }),
    })
  },
)
