import { randomUUID } from 'node:crypto'
import { RedisStore } from 'latchkey/stores/redis'
import { storeConformance } from 'latchkey/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { type RedisSentinel, startSentinel } from '../support/redis-sentinel.js'
import { type Opened, sentinelClients } from '../support/redis-clients.js'

let servers: RedisSentinel

beforeAll(async () => {
  servers = await startSentinel()
}, 30_000)

afterAll(() => servers.stop())

describe.each(sentinelClients)('a Redis store with Sentinel, by %s, is a store', (_, open) => {
  let prefix = ''
  let opened: Opened

  beforeAll(() => {
    opened = open(servers)
  })

  afterAll(() => opened.close())

  storeConformance({
    test,
    open: (clock) => new RedisStore({ client: opened.client, prefix: (prefix = randomUUID()), clock }),
    openAnother: (clock) => new RedisStore({ client: opened.client, prefix, clock }),
  })
})
