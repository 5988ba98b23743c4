import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { Commands } from '../../src/stores/redis/commands.js'
import { Members } from '../../src/stores/redis/members.js'
import type { Line } from '../../src/stores/redis/line.js'
import { NearCache } from '../../src/stores/redis/near-cache.js'
import { nodeRedisUrl } from '../../src/stores/redis/near-cache/open-tracked.js'
import type { Hearing } from '../../src/stores/redis/near-cache/tracked-line.js'
import type { Trackers } from '../../src/stores/redis/near-cache/trackers.js'
import { Tracking, TRUSTED_FOR } from '../../src/stores/redis/near-cache/tracking.js'
import { openConnection } from '../../src/stores/redis/open.js'
import { Records } from '../../src/stores/redis/records.js'
import { Subjects } from '../../src/stores/redis/subjects.js'
import { newRecord, patchOf } from '../../src/testing/conformance/samples.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { isAtOnce } from './ground.js'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

const endings: (() => unknown)[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const end of endings.splice(0).toReversed()) await end()
})

const clock = new ManualClock()

/** What a test does to the answers, and to the word of changes, that come over a tracked line. */
class Gate {
  hearing: Hearing | undefined
  isHolding = false
  /** How many words of changes have come. */
  words = 0
  #held: (() => void)[] = []

  /** What comes while the gate is closed comes in its order when it is opened. */
  pass(come: () => void): void {
    if (this.isHolding) this.#held.push(come)
    else come()
  }

  /** Lets in what came first. */
  passFirst(): void {
    this.#held.shift()?.()
  }

  open(): void {
    this.isHolding = false
    for (const come of this.#held.splice(0)) come()
  }
}

/** A near cache over a real Redis, whose tracked line is behind a gate, and another process. */
async function behindGate() {
  const gate = new Gate()
  const prefix = randomUUID()
  const commands = new Commands(openConnection(server.url), prefix, clock.now)
  const members = new Members(commands)
  const records = new Records(commands, members, new Subjects(commands, members))
  const open = await nodeRedisUrl(server.url)
  let tracking: Tracking | undefined
  const near = new NearCache(commands, records, 100, (listener): Trackers => {
    const gated = (hearing: Hearing): Line => {
      gate.hearing = hearing
      const changed = (name: string | undefined): void => {
        gate.words++
        gate.pass(() => hearing.changed(name))
      }
      const line = open({ ...hearing, changed })
      const send: Line['send'] = (args) =>
        line.send(args).then((answer) => new Promise((resolve) => gate.pass(() => resolve(answer))))
      return { ...line, patience: Infinity, send }
    }
    tracking = new Tracking(gated, `${prefix}:{probe}:p`, listener)
    return {
      keyPrefix: '',
      of: () => tracking,
      works: (_key, probe) => tracking!.works(probe),
      close: () => tracking!.close(),
    }
  })
  const elsewhere = new RedisStore({ url: server.url, prefix, clock: clock.now })
  endings.push(
    () => near.close(),
    () => commands.close(),
    () => elsewhere.close(),
  )
  const record = newRecord(clock, [['a', '1']])
  await elsewhere.create(record)
  await near.works(record.key)
  const isKept = (): boolean => isAtOnce(near.load(record.key))
  return { gate, near, records, elsewhere, record, isKept }
}

test('a record that another process changes while it is read is not kept', async () => {
  const { gate, near, elsewhere, record, isKept } = await behindGate()
  // However long this machine takes, the answer is not late.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  endings.push(() => void vi.useRealTimers())
  gate.isHolding = true
  const reading = near.load(record.key)
  // A command that goes after the read over the same connection would be held, too: the other one waits for Redis to have read.
  await expect.poll(async () => String(await server.command('CLIENT', 'LIST'))).toMatch(/flags=t.*cmd=hgetall/)
  const { words } = gate
  await elsewhere.update(record.key, patchOf([['a', '2']]))
  await expect.poll(() => gate.words).toBeGreaterThan(words)
  gate.open()
  expect(await reading).toMatchObject({ version: 1 })
  vi.useRealTimers()
  expect(isKept()).toBe(false)
  expect(await near.load(record.key)).toMatchObject({ version: 2 })
})

test('a record that this process changes while it is read is not kept', async () => {
  const { gate, near, records, record, isKept } = await behindGate()
  gate.isHolding = true
  const reading = near.load(record.key)
  await expect.poll(async () => String(await server.command('CLIENT', 'LIST'))).toMatch(/flags=t.*cmd=hgetall/)
  // Word of it never comes: what this process does itself, it needs nobody to tell it.
  gate.hearing!.changed = () => {}
  await records.update(record.key, patchOf([['a', '2']]))
  gate.open()
  expect(await reading).toMatchObject({ version: 1 })
  expect(isKept()).toBe(false)
})

test('a record that is read while this process changes it is not kept', async () => {
  const { gate, near, records, record, isKept } = await behindGate()
  // Word of it never comes: what this process does itself, it needs nobody to tell it.
  gate.hearing!.changed = () => {}
  const writing = records.update(record.key, patchOf([['a', '2']]))
  gate.isHolding = true
  const reading = near.load(record.key)
  await writing
  gate.open()
  await reading
  expect(isKept()).toBe(false)
  expect(await near.load(record.key)).toMatchObject({ version: 2 })
})

test('a read that was under way when the connection was lost is not kept', async () => {
  const { gate, near, record, isKept } = await behindGate()
  gate.isHolding = true
  const reading = near.load(record.key)
  await expect.poll(async () => String(await server.command('CLIENT', 'LIST'))).toMatch(/flags=t.*cmd=hgetall/)
  gate.hearing!.lost()
  gate.open()
  await reading
  expect(isKept()).toBe(false)
  gate.hearing!.ready()
  await near.works(record.key)
  expect(isKept()).toBe(false)
})

test('what this process is about to change is asked of Redis from then on', async () => {
  const { near, records, record, isKept } = await behindGate()
  await near.load(record.key)
  expect(isKept()).toBe(true)
  const writing = records.update(record.key, patchOf([['a', '2']]))
  expect(isKept()).toBe(false)
  await writing
})

test('what was read past it takes the place of what is kept, before word of the change has come', async () => {
  const { gate, near, elsewhere, record } = await behindGate()
  await near.load(record.key)
  gate.hearing!.changed = () => {}
  await elsewhere.update(record.key, patchOf([['a', '2']]))
  expect(await near.loadFresh(record.key)).toMatchObject({ version: 2 })
  expect(await near.load(record.key)).toMatchObject({ version: 2 })
})

test('a lost connection empties it', async () => {
  const { gate, near, record, isKept } = await behindGate()
  await near.load(record.key)
  expect(isKept()).toBe(true)
  gate.hearing!.lost()
  expect(isKept()).toBe(false)
  // Also what was read before must not come back with the next connection.
  gate.hearing!.ready()
  await near.works(record.key)
  expect(isKept()).toBe(false)
})

test('what Redis has told is trusted for so long, and no longer, while it answers nothing', async () => {
  const { gate, near, elsewhere, record, isKept } = await behindGate()
  await near.load(record.key)
  gate.isHolding = true
  const asked = performance.now()
  await elsewhere.delete(record.key)
  const ended = performance.now()
  // Asked without a pause, so that whatever would prolong it is done.
  let last = 0
  while (performance.now() - ended < TRUSTED_FOR + 300) {
    // Before it is asked: what happens between an answer and the look at the clock is not the cache's.
    const at = performance.now()
    if (isKept()) last = at
    await new Promise((resolve) => setImmediate(resolve))
  }
  // That it was kept for a while shows that the gate held word of the end.
  expect(last).toBeGreaterThan(asked)
  expect(last - ended).toBeLessThan(TRUSTED_FOR)
})

test('while it is asked for, it goes on being trusted', async () => {
  const { near, record, isKept } = await behindGate()
  await near.load(record.key)
  const end = performance.now() + TRUSTED_FOR * 1.5
  let asked = 0
  while (performance.now() < end) {
    // One that is not kept here would have to be one that a busy process has kept waiting.
    if (!isKept()) await near.load(record.key)
    else asked++
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(asked).toBeGreaterThan(10)
  expect(isKept()).toBe(true)
})

test('a machine that was asleep does not trust what it heard before', async () => {
  const { near, record, isKept } = await behindGate()
  await near.load(record.key)
  expect(isKept()).toBe(true)
  const now = Date.now()
  vi.spyOn(Date, 'now').mockImplementation(() => now + TRUSTED_FOR)
  expect(isKept()).toBe(false)
})

test('a read whose answer is late is asked over the other connection', async () => {
  const { gate, near, elsewhere, record, isKept } = await behindGate()
  gate.isHolding = true
  const reading = near.load(record.key)
  await elsewhere.update(record.key, patchOf([['a', '2']]))
  const answered = await reading
  expect(answered).toMatchObject({ version: 2 })
  gate.open()
  const keptAgain = async (): Promise<boolean> => {
    await near.load(record.key)
    return isKept()
  }
  await expect.poll(keptAgain).toBe(true)
  expect(await near.load(record.key)).toEqual(answered)
})

test('what was seen to be gone is not served again when an older answer comes', async () => {
  const { gate, near, elsewhere, record, isKept } = await behindGate()
  await near.load(record.key)
  gate.isHolding = true
  await expect.poll(isKept).toBe(false)
  await elsewhere.delete(record.key)
  expect(await near.load(record.key)).toBeUndefined()
  gate.passFirst()
  await new Promise((resolve) => setImmediate(resolve))
  expect(isKept()).toBe(false)
  expect(await near.load(record.key)).toBeUndefined()
})

test('after a time without requests what is read is kept again', async () => {
  const { near, record, isKept } = await behindGate()
  await near.load(record.key)
  const now = Date.now()
  vi.spyOn(Date, 'now').mockImplementation(() => now + TRUSTED_FOR)
  expect(isKept()).toBe(false)
  await expect.poll(async () => (await near.load(record.key), isKept())).toBe(true)
})

test('a server that has become a replica is not trusted, although it answers', async () => {
  const { near, record, isKept } = await behindGate()
  await near.load(record.key)
  expect(isKept()).toBe(true)
  endings.push(() => server.command('REPLICAOF', 'NO', 'ONE'))
  await server.command('REPLICAOF', '127.0.0.1', '1')
  await expect.poll(isKept, { timeout: 5_000 }).toBe(false)
  expect(await near.load(record.key)).toEqual(record)
  expect(isKept()).toBe(false)
})

test('who waits for a server that is accepted and silent is told so', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => void sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const listener = { changed: () => {}, refused: () => {} }
  const tracking = new Tracking(await nodeRedisUrl(`redis://127.0.0.1:${port}`), 'p', listener)
  endings.push(
    () => void silent.close(),
    () => sockets.forEach((socket) => socket.destroy()),
    () => tracking.close(),
  )
  await expect(tracking.works('p')).rejects.toThrow()
})

test('a server that answers with an error is not trusted', async () => {
  const { near, record, isKept } = await behindGate()
  await near.load(record.key)
  await server.command('ACL', 'SETUSER', 'default', '-del')
  endings.push(() => server.command('ACL', 'SETUSER', 'default', '+del'))
  await expect.poll(isKept, { timeout: 5_000 }).toBe(false)
  expect(await near.load(record.key)).toEqual(record)
  expect(isKept()).toBe(false)
})
