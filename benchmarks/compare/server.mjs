// One variant in a process of its own. It serves the pages on a free port of loopback, and says how much processor time
// the process has used whenever it is asked.
import { createHash } from 'node:crypto'
import { answers } from './child.mjs'
import { IDLE_TIMEOUT } from './libraries/settings.mjs'
import { profiler } from './profile.mjs'
import { openApp } from './variants.mjs'

/** Longer than a pause between two measurements. */
const KEEP_ALIVE = 120_000

let app
let profile

answers({
  async open({ variant, settings }) {
    app = await openApp(variant, { idleTimeout: IDLE_TIMEOUT, ...settings })
    app.server.keepAliveTimeout = KEEP_ALIVE
    return app.server.address().port
  },
  /** Starts a measurement with a clean heap. */
  begin() {
    globalThis.gc?.()
    return { work: work(), ...mark() }
  },
  end() {
    return { ...mark(), work: work() }
  },
  async profile() {
    globalThis.gc?.()
    profile = { ...profiler(), work: work() }
    await profile.start()
  },
  /** What it was busy with since, and what a fixed piece of work took before and after. */
  async profiled() {
    const busy = await profile.stop()
    return { ...busy, work: (profile.work + work()) / 2 }
  },
  async close() {
    await app.close()
  },
})

/**
 * How long a fixed piece of work takes in this process now, in microseconds of processor time: on a machine that others use,
 * too, the same instructions take more at one time than at another.
 */
function work() {
  const { user, system } = process.cpuUsage()
  for (let turn = 0; turn < WORK.turns; turn++) createHash('sha256').update(WORK.bytes).digest()
  const spent = process.cpuUsage({ user, system })
  return spent.user + spent.system
}

const WORK = { turns: 10, bytes: Buffer.alloc(2 ** 20) }

/** The processor time of all threads of this process in microseconds, and how much of it was not spent in the system. */
function mark() {
  const { user, system } = process.cpuUsage()
  return { processor: user + system, user }
}
