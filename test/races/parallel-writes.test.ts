import type { SessionEngine } from 'latchkey/core'
import { afterAll, describe, expect, test } from 'vitest'
import { stores } from '../support/stores.js'
import { counted, timeFor } from './counts.js'
import { begin, engineOn, inBatches, openStores, read, visit } from './engines.js'

const [redis] = stores.filter(({ name }) => name === 'redis')

describe('two requests that write different keys at the same time, on redis', () => {
  const races = counted('RACES', 2_000)

  afterAll(redis!.stop)

  test(
    'lose neither',
    async () => {
      const engines = (await openStores(redis!)).map((store) => engineOn(store)) as [SessionEngine, SessionEngine]
      await inBatches(races, async (at) => {
        const token = await begin(engines[0], { at })
        const requests = await Promise.all(engines.map((engine) => visit(engine, token)))
        Object.assign(requests[0]!.session, { left: at })
        Object.assign(requests[1]!.session, { right: at })
        await Promise.all(requests.map(async (open) => open.commit()))
        expect(await read(engines[at % 2]!, token)).toEqual({ at, left: at, right: at })
      })
    },
    timeFor(races),
  )
})
