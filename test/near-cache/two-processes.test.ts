import { fork, type ChildProcess } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isFormerKey } from 'latchkey/core'
import { RedisStore } from 'latchkey/stores/redis'
import { ManualClock } from 'latchkey/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TRUSTED_FOR } from '../../src/stores/redis/near-cache/tracking.js'
import { newKey, newRecord, patchOf, rotation } from '../../src/testing/conformance/samples.js'
import { type RedisServer, startRedis } from '../support/redis-server.js'
import { proxyTo, type TcpProxy } from '../support/tcp-proxy.js'
import { heard } from './ground.js'

/** `NEAR_CACHE_STEPS` and `PROPERTY_SEED` may say how many and which. `npm run test:soak` takes 200,000. */
const STEPS = Number(process.env['NEAR_CACHE_STEPS'] ?? 5_000)
const SEED = Number(process.env['PROPERTY_SEED'] ?? (STEPS === 5_000 ? 20261125 : randomInt(2 ** 31)))

const SUBJECTS = ['ann', 'bob', 'joe']
const MAX_ENTRIES = 20
const OVER = Infinity

let server: RedisServer
let proxy: TcpProxy
let child: ChildProcess

beforeAll(async () => {
  server = await startRedis()
  proxy = await proxyTo(server.port)
})

afterAll(async () => {
  child.kill('SIGKILL')
  await proxy.stop()
  await server.stop()
})

/** The verbs that are used of a store, here or in another process. */
type Process = Pick<
  RedisStore,
  'create' | 'update' | 'touch' | 'delete' | 'rotate' | 'revoke' | 'revokeAll' | 'updateAll'
> & {
  readonly name: string
  load(key: string): Promise<Awaited<ReturnType<RedisStore['load']>>>
}

function inAnotherProcess(url: string, prefix: string): Process {
  const script = fileURLToPath(new URL('../support/near-cache-process.mjs', import.meta.url))
  child = fork(script, [url, prefix, String(MAX_ENTRIES)], { serialization: 'advanced', execArgv: [] })
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let last = 0
  child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const call = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(error))
  })
  return new Proxy({ name: 'the other process' } as Process, {
    get: (target, verb) =>
      verb === 'name'
        ? target.name
        : (...args: unknown[]) =>
            new Promise((resolve, reject) => {
              waiting.set(++last, { resolve, reject })
              child.send({ id: last, verb, args })
            }),
  })
}

/** What is known of one session: its versions, the last one {@link OVER}, and since when each has been known to be stored. */
interface Known {
  readonly key: string
  readonly handle: string
  readonly subject: string
  readonly versions: { readonly version: number; readonly since: number; readonly by: Process }[]
  /** The version that is stored now, or may be by now. */
  newest: number
  /** A write to it failed, and may have been done. */
  isDoubtful: boolean
}

/** A generator of numbers that gives the same ones for the same seed (Park and Miller). */
function numbers(seed: number): (below: number) => number {
  let state = (seed % 2147483646) + 1
  return (below) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}

test(
  `${STEPS} random steps of two processes never show a session that was changed or ended longer ago than is trusted`,
  { timeout: 60_000 + STEPS * 20 },
  async () => {
    const prefix = randomUUID()
    const store = new RedisStore({ url: proxy.url, prefix, nearCache: { maxEntries: MAX_ENTRIES } })
    const here = Object.assign(Object.create(store) as object, { name: 'this process' }) as unknown as Process
    const verbs = ['create', 'update', 'touch', 'delete', 'rotate', 'revoke', 'revokeAll', 'updateAll'] as const
    for (const verb of verbs) Object.assign(here, { [verb]: (store[verb] as () => unknown).bind(store) })
    Object.assign(here, { load: async (key: string) => store.load(key) })
    const there = inAnotherProcess(server.url, prefix)
    const processes = [here, there]
    const clock = new ManualClock(Date.now())
    const next = numbers(SEED)
    const one = <T>(list: readonly T[]): T => list[next(list.length)]!
    const all: Known[] = []
    const live = (): Known[] => all.filter(({ newest, isDoubtful }) => newest !== OVER && !isDoubtful)
    const figures = { kept: 0, loads: 0, failed: 0 }

    const begin = (key: string, handle: string, subject: string, version: number): Known => {
      const known: Known = { key, handle, subject, versions: [], newest: version, isDoubtful: false }
      all.push(known)
      if (all.length > 200) all.splice(0, 50)
      return known
    }

    /** Does a write, and notes what is known to be stored by it. */
    const write = async (
      by: Process,
      changes: readonly (readonly [Known, number])[],
      verb: () => unknown,
    ): Promise<void> => {
      for (const [known, version] of changes) known.newest = version
      try {
        await verb()
        for (const [known, version] of changes) known.versions.push({ version, since: performance.now(), by })
      } catch {
        figures.failed++
        for (const [known] of changes) known.isDoubtful = true
      }
    }

    const load = async (by: Process, known: Known, hasHeard: boolean): Promise<void> => {
      const began = performance.now()
      let version: number
      try {
        if (hasHeard && by === here) await heard(store, known.key)
        else if (hasHeard) await by.load(`${known.key.slice(0, 8)}${'nobody'.padEnd(43, '0')}`)
        const found = await by.load(known.key)
        version = found === undefined || isFormerKey(found) ? OVER : found.version
      } catch {
        figures.failed++
        return
      }
      figures.loads++
      if (known.isDoubtful) return
      const due = known.versions.filter(
        (each) => (each.by === by && each.since < began) || each.since < began - (hasHeard ? 0 : TRUSTED_FOR),
      )
      const least = Math.max(0, ...due.map((each) => each.version))
      const how = hasHeard ? ' after it had heard' : ''
      expect(version, `what ${by.name} saw${how}, seed ${SEED}`).toBeGreaterThanOrEqual(least)
      expect(version, `what ${by.name} saw${how}, seed ${SEED}`).toBeLessThanOrEqual(known.newest)
    }

    const step = async (): Promise<void> => {
      const [by, subject, sessions] = [one(processes), one(SUBJECTS), live()]
      const known = sessions.length === 0 ? undefined : one(sessions)
      const theirs = sessions.filter((each) => each.subject === subject)
      const kind = next(100)
      if (known === undefined || (kind < 10 && sessions.length < 30)) {
        const record = newRecord(clock, [['n', '1']], { subject })
        return write(by, [[begin(record.key, record.handle, subject, 1), 1]], () => by.create(record))
      }
      if (kind < 40) return write(by, [[known, known.newest + 1]], () => by.update(known.key, patchOf([['n', '2']])))
      if (kind < 50) return write(by, [[known, known.newest]], () => by.touch(known.key, Date.now()))
      if (kind < 60) return write(by, [[known, OVER]], () => by.delete(known.key))
      if (kind < 70) {
        const moved = begin(newKey(known.subject), known.handle, known.subject, known.newest + 1)
        const changes = [[known, OVER] as const, [moved, known.newest + 1] as const]
        return write(by, changes, () => by.rotate(known.key, moved.key, rotation(known.subject, [])))
      }
      if (kind < 76) return write(by, [[known, OVER]], () => by.revoke(known.subject, known.handle))
      if (kind < 80)
        return write(
          by,
          theirs.map((each) => [each, OVER] as const),
          () => by.revokeAll(subject),
        )
      return write(
        by,
        theirs.map((each) => [each, each.newest + 1] as const),
        () => by.updateAll(subject, patchOf([['n', '3']])),
      )
    }

    for (let done = 0; done < STEPS; done++) {
      const chance = next(3_000)
      if (chance === 0) proxy.swallow('open')
      else if (chance < 8) await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      // Loads begin before a write, and go on while it is under way.
      const loads = Array.from({ length: all.length > 0 ? next(4) : 0 }, () =>
        load(one(processes), one(all), next(5) === 0),
      )
      done += loads.length
      if (next(3) === 0) await step()
      await Promise.all(loads)
    }

    await pause(TRUSTED_FOR)
    for (const by of processes) for (const known of all) await load(by, known, false)
    await store.close()
    expect(figures.loads).toBeGreaterThan(STEPS / 3)
    expect(figures.failed).toBeLessThan(figures.loads / 5)
  },
)
