// One variant in a process of its own. It serves the pages on a free port of loopback, and says how much processor time
// the process has used whenever it is asked.
import { answers } from './child.mjs'
import { IDLE_TIMEOUT } from './libraries/settings.mjs'
import { profiler } from './profile.mjs'
import { getTime, pingTime } from './trips.mjs'
import { openApp } from './variants.mjs'

/** Longer than the time from one measurement to the next, in milliseconds; what waits longer is connected to again. */
const KEEP_ALIVE = 120_000

let app
let profile

answers({
  async open({ variant, settings }) {
    app = await openApp(variant, { idleTimeout: IDLE_TIMEOUT, ...settings })
    app.server.keepAliveTimeout = KEEP_ALIVE
    return app.server.address().port
  },
  mark,
  ping: pingTime,
  get: getTime,
  async profile() {
    profile = profiler()
    await profile.start()
  },
  /** What it was busy with since. */
  profiled: () => profile.stop(),
  async close() {
    await app.close()
  },
})

/** The processor time of all threads of this process in microseconds, and how much of it was not spent in the system. */
function mark() {
  const { user, system } = process.cpuUsage()
  return { processor: user + system, user }
}
