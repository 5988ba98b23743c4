import { scenarios } from './scenarios.mjs'
import { nameOf, peers, platforms } from './variants.mjs'

/**
 * Where Latchkey takes more than another library on the same platform, with the same kind of store, or than iron-session, which
 * needs none; the worst first.
 *
 * @returns {{ what: string, ours: number, theirs: number, than: string, unit: string }[]}
 */
export function lossesOf({ summary, counts, bytes, added }) {
  const found = []
  for (const platform of platforms) {
    for (const store of ['memory', 'sqlite', 'redis', 'redis-near']) {
      const ours = nameOf(platform, 'latchkey', store)
      for (const theirs of othersOf(platform, store)) {
        for (const [scenario, { title }] of Object.entries(scenarios)) {
          const where = `${title}, ${platform}, ${store}`
          const compare = (what, unit, of) => add(`${where}: ${what}`, of(ours), of(theirs), theirs, unit)
          if (isApart(summary[ours]?.[scenario], summary[theirs]?.[scenario]))
            compare('cost', 'µs', (name) => summary[name][scenario].cost)
          compare('commands', '', (name) => counts[name]?.[scenario]?.commands)
          compare('bytes sent to Redis', 'bytes', (name) => counts[name]?.[scenario]?.sent)
          compare('bytes from Redis', 'bytes', (name) => counts[name]?.[scenario]?.received)
        }
        const kept = (name) => bytes[name] && bytes[name].record + (bytes[name].index ?? 0)
        add(`a session in ${store}, ${platform}`, kept(ours), kept(theirs), theirs, 'bytes')
        add(`1 ms to Redis, ${platform}, ${store}: added p50`, added[ours], added[theirs], theirs, 'ms')
      }
    }
  }
  return found.sort((one, two) => two.ours / two.theirs - one.ours / one.theirs)

  function add(what, ours, theirs, than, unit) {
    if (ours !== undefined && theirs !== undefined && ours > Math.max(theirs, 0))
      found.push({ what, ours, theirs, than, unit })
  }
}

/** Costs whose quartiles overlap are the same, as far as can be seen. */
function isApart(ours, theirs) {
  return ours !== undefined && theirs !== undefined && ours.low > theirs.high
}

function othersOf(platform, store) {
  const kind = store === 'redis-near' ? 'redis' : store
  return [nameOf(platform, peers[platform], kind), nameOf(platform, 'iron-session', 'none')]
}
