import { limitReached } from '../../../src/core/errors.js'
import type { SessionRecord, SubjectLimit } from '../../../src/core/record.js'
import { broken, type BrokenStore } from './build.js'
import { remembering } from './by-subject.js'
import { counting, evict } from './limits.js'

const SIGN_IN = 'one sign-in too many ends the sessions that signed in first'
const NOTHING = { set: new Map<string, string>(), remove: [] }

/** A store that changes the limit of a rotation. */
function relimiting(
  fault: string,
  caughtBy: string,
  change: (limit: SubjectLimit | undefined) => SubjectLimit | undefined,
): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    rotate: (key, newKey, patch) => good.rotate(key, newKey, { ...patch, limit: change(patch.limit) }),
  }))
}

/** Faults of a limit where somebody signs in. */
export const rotationLimitFaults: readonly BrokenStore[] = [
  broken('answers with evictions where there are none', 'a sign-in within the limit ends nobody', (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      return outcome === 'updated' && patch.limit ? { evicted: [] } : outcome
    },
  })),
  relimiting('knows no limit where somebody signs in', SIGN_IN, () => undefined),
  relimiting(
    'takes one too many where somebody signs in',
    SIGN_IN,
    (limit) => limit && { ...limit, max: limit.max + 1 },
  ),
  broken('says nothing of those that a sign-in ended', SIGN_IN, (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      return typeof outcome === 'object' ? 'updated' : outcome
    },
  })),
  relimiting(
    'ends the oldest where it should refuse a sign-in',
    'a sign-in that the limit refuses leaves everything as it was',
    (limit) => limit && { ...limit, onLimit: 'evict-oldest' },
  ),
  broken(
    'refuses a sign-in that it has done',
    'a sign-in that the limit refuses leaves everything as it was',
    (good) => ({
      rotate: (key, newKey, { limit, ...patch }) => {
        const isFull = limit?.onLimit === 'refuse' && good.count(patch.subject ?? '') >= limit.max
        const outcome = good.rotate(key, newKey, isFull ? patch : { ...patch, limit })
        if (isFull) throw limitReached(limit.max)
        return outcome
      },
    }),
  ),
  relimiting(
    'counts a session twice that moves',
    'a session of the subject itself does not count twice when it moves',
    (limit) => limit && { ...limit, max: limit.max - 1 },
  ),
  broken('ends the session that moves', 'a session that moves is never the one that leaves', (good) => ({
    rotate: (key, newKey, { limit, ...patch }) => {
      const outcome = good.rotate(key, newKey, patch)
      if (outcome !== 'updated' || !limit) return outcome
      const all = good.list(patch.subject ?? '')
      const leaving = all.slice(0, Math.max(0, all.length - limit.max))
      for (const record of leaving) good.delete(record.key)
      return leaving.length > 0 ? { evicted: leaving.map(({ handle }) => handle) } : outcome
    },
  })),
  broken('makes room for a rotation that it does not do', 'a rotation that is not done ends nobody', (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      if (outcome === 'conflict' && patch.limit) good.revokeAll(patch.subject ?? '')
      return outcome
    },
  })),
  broken('makes room for a record that is gone', 'a rotation that is not done ends nobody', (good) => ({
    rotate: (key, newKey, patch) => {
      const outcome = good.rotate(key, newKey, patch)
      if (outcome === 'gone' && patch.limit) good.revokeAll(patch.subject ?? '')
      return outcome
    },
  })),
  counting(
    'counts keys that were rotated away for a limit',
    'a key that was rotated away does not count for a limit',
    (good, subject, ever) =>
      ever.filter(
        ({ key, subject: other }) => other === subject && (good.load(key) ?? good.update(key, NOTHING) === 'rotated'),
      ),
  ),
  remembering(
    'ends a session under the key of creation',
    'a session that a limit ends is dead under every id that it had',
    (good, ever) => ({
      create: (record, limit) => {
        const first = ({ handle, key }: SessionRecord) => ever.find((each) => each.handle === handle)?.key ?? key
        const others = limit ? good.list(record.subject ?? '').map((each) => ({ ...each, key: first(each) })) : []
        ever.push(record)
        return limit ? evict(good, others, limit, record) : good.create(record)
      },
    }),
  ),
  broken(
    'ends a session that signs out where there are many',
    'a session that signs out has no limit and leaves room',
    (good) => ({
      rotate: (key, newKey, patch) => {
        const subject = good.record(key)?.subject
        if (patch.subject !== undefined || !patch.limit || subject === undefined) return good.rotate(key, newKey, patch)
        const others = good.list(subject).filter((record) => record.key !== key)
        if (others.length >= patch.limit.max) throw limitReached(patch.limit.max)
        return good.rotate(key, newKey, patch)
      },
    }),
  ),
]
