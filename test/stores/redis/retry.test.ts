import { describe, expect, test } from 'vitest'
import type { Connection } from '../../../src/stores/redis/client.js'
import { patient } from '../../../src/stores/redis/retry.js'

/** A connection that rejects with these errors, one after the other, and then answers how often it was asked. */
function refusing(errors: readonly string[], isCluster = false): Connection {
  let asked = 0
  return {
    isCluster,
    send: () => {
      const message = errors[asked++]
      return message === undefined ? Promise.resolve(asked) : Promise.reject(new Error(message))
    },
    close: () => Promise.resolve(),
  }
}

describe('a command that Redis turned away', () => {
  test.each([
    'TRYAGAIN Multiple keys request during rehashing of slot',
    'CLUSTERDOWN The cluster is down',
    'CLUSTERDOWN Hash slot not served',
    "READONLY You can't write against a read only replica.",
    "ERR Error running script (call to f_1): @user_script:12: -READONLY You can't write against a read only replica.",
  ])('is asked for again: %s', async (message) => {
    expect(await patient(refusing([message, message])).send(['evalsha'])).toBe(3)
  })

  test.each(['MOVED 12182 127.0.0.1:7001', 'ASK 12182 127.0.0.1:7001'])(
    'is asked for again where the client of a cluster has given up: %s',
    async (message) => {
      expect(await patient(refusing([message], true)).send(['evalsha'])).toBe(2)
      await expect(patient(refusing([message])).send(['evalsha'])).rejects.toThrow(message)
    },
  )

  test.each([
    "CROSSSLOT Keys in request don't hash to the same slot",
    "OOM command not allowed when used memory > 'maxmemory'.",
    'Socket closed unexpectedly',
    'The record says TRYAGAIN',
  ])('is not asked for again for another reason: %s', async (message) => {
    await expect(patient(refusing([message], true)).send(['evalsha'])).rejects.toThrow(message)
  })

  test('is given up after less than half a second, with what Redis said', async () => {
    const connection = patient(refusing(Array<string>(10_000).fill('CLUSTERDOWN The cluster is down')))
    const began = performance.now()
    await expect(connection.send(['evalsha'])).rejects.toThrow('CLUSTERDOWN')
    expect(performance.now() - began).toBeGreaterThan(300)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
