import { afterAll, describe, test } from 'vitest'
import { fromExpressStore, type ExpressStore } from '../../src/stores/express.js'
import { storeConformance } from '../../src/testing/conformance.js'
import { theirStores } from '../support/express-stores.js'

describe.each(theirStores)('fromExpressStore on $name', ({ open, stop }) => {
  afterAll(stop)

  let last: ExpressStore
  storeConformance({
    test,
    async open(clock) {
      last = await open()
      return fromExpressStore(last, { clock })
    },
    // In one process: two stores on the same one of theirs.
    openAnother: (clock) => fromExpressStore(last, { clock }),
  })
})
