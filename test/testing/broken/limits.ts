import { limitReached } from '../../../src/core/errors.js'
import { tagOf } from '../../../src/core/id.js'
import type { SessionRecord, SubjectLimit } from '../../../src/core/record.js'
import type { Evictions } from '../../../src/core/store.js'
import { broken, type BrokenStore, type SoundStore } from './build.js'
import { remembering } from './by-subject.js'

const ONE_MORE = 'one session too many ends the one that signed in first'
const REFUSES = 'a limit that refuses leaves everything as it was'
const ENDED = 'what has ended does not count for a limit and is not named'
const ALONE = 'a limit counts the sessions of one subject alone'
const TIES = 'of sessions signed in at the same moment those created first leave, then by handle'

/** Which sessions have to leave, of a subject's that are to make room for one more. */
type Leavers = (others: readonly SessionRecord[], excess: number, added: SessionRecord) => readonly SessionRecord[]

/** A store that ends others than it should. */
function evicting(fault: string, caughtBy: string, leavers: Leavers): BrokenStore {
  return broken(fault, caughtBy, (good) => ({
    create: (record, limit) => {
      if (!limit || record.subject === undefined || good.load(record.key)) return good.create(record, limit)
      const others = good.list(record.subject)
      return evict(good, others, limit, record, leavers)
    },
  }))
}

/** Creates a record and ends those that have to leave for it. */
export function evict(
  good: SoundStore,
  others: readonly SessionRecord[],
  limit: SubjectLimit,
  record: SessionRecord,
  leavers: Leavers = (records, excess) => records.slice(0, excess),
): Evictions | undefined {
  const excess = others.length + 1 - limit.max
  if (excess > 0 && limit.onLimit === 'refuse') throw limitReached(limit.max)
  const leaving = excess > 0 ? leavers(others, excess, record) : []
  good.create(record)
  for (const { key } of leaving) good.delete(key)
  return leaving.length > 0 ? { evicted: leaving.map(({ handle }) => handle) } : undefined
}

/** A store that counts the sessions of a subject by itself when one is created. */
export function counting(
  fault: string,
  caughtBy: string,
  count: (good: SoundStore, subject: string, ever: readonly SessionRecord[]) => readonly SessionRecord[],
): BrokenStore {
  return remembering(fault, caughtBy, (good, ever) => {
    return {
      create: (record, limit) => {
        const { subject = '' } = record
        const evictions = limit ? evict(good, count(good, subject, ever), limit, record) : good.create(record)
        ever.push(record)
        return evictions
      },
    }
  })
}

function by(order: (record: SessionRecord) => number): Leavers {
  return (others, excess) => others.toSorted((one, two) => order(one) - order(two)).slice(0, excess)
}

/** Faults of a limit where a session is created. */
export const limitFaults: readonly BrokenStore[] = [
  broken('answers an empty list for nobody', 'a new session within the limit ends nobody', (good) => ({
    create: (record, limit) => good.create(record, limit) ?? { evicted: [] },
  })),
  broken('takes one too few', 'a new session within the limit ends nobody', (good) => ({
    create: (record, limit) => good.create(record, limit && { ...limit, max: Math.max(1, limit.max - 1) }),
  })),
  broken('knows no limit', ONE_MORE, (good) => ({ create: (record) => good.create(record) })),
  broken('takes one too many', ONE_MORE, (good) => ({
    create: (record, limit) => good.create(record, limit && { ...limit, max: limit.max + 1 }),
  })),
  broken('says nothing of those that it ended', ONE_MORE, (good) => ({
    create: (record, limit) => {
      good.create(record, limit)
      return undefined
    },
  })),
  broken('names those that have to leave and lets them live', ONE_MORE, (good) => ({
    create: (record, limit) => {
      const excess = good.count(record.subject ?? '') + 1 - (limit?.max ?? Infinity)
      const leaving = excess > 0 ? good.list(record.subject ?? '').slice(0, excess) : []
      good.create(record)
      return leaving.length > 0 ? { evicted: leaving.map(({ handle }) => handle) } : undefined
    },
  })),
  evicting('ends who signed in last', ONE_MORE, (others, excess) => others.slice(-excess)),
  evicting('never ends the last one', 'a limit of one leaves the new session alone', (others, excess) => {
    return others.slice(0, Math.min(excess, others.length - 1))
  }),
  evicting(
    'ends one at a time',
    'a limit that was lowered ends as many as it takes, the first signed in first',
    (others) => others.slice(0, 1),
  ),
  evicting(
    'names those that it ended the last first',
    'a limit that was lowered ends as many as it takes, the first signed in first',
    (others, excess) => others.slice(0, excess).toReversed(),
  ),
  evicting('orders those that signed in at once the other way round', TIES, (others, excess) => {
    return others.toReversed().slice(0, excess)
  }),
  evicting('orders those that signed in at once as a locale does', TIES, (others, excess) => {
    return others.toSorted((one, two) => one.handle.localeCompare(two.handle, 'en')).slice(0, excess)
  }),
  evicting(
    'ends who was created first',
    'a limit goes by the sign-in, whatever was created or used since',
    by(({ createdAt }) => createdAt),
  ),
  evicting(
    'ends who was seen least recently',
    'a limit goes by the sign-in, whatever was created or used since',
    by(({ lastSeenAt }) => lastSeenAt),
  ),
  broken('ends the new session', 'a new session is never the one that leaves', (good) => ({
    create: (record, limit) => {
      good.create(record)
      const all = good.list(record.subject ?? '')
      const leaving = all.slice(0, Math.max(0, all.length - (limit?.max ?? Infinity)))
      for (const { key } of leaving) good.delete(key)
      return leaving.length > 0 ? { evicted: leaving.map(({ handle }) => handle) } : undefined
    },
  })),
  broken('ends the oldest where it should refuse', REFUSES, (good) => ({
    create: (record, limit) => good.create(record, limit && { ...limit, onLimit: 'evict-oldest' }),
  })),
  broken('refuses with an error of its own', REFUSES, (good) => ({
    create: (record, limit) => {
      const isFull = limit?.onLimit === 'refuse' && good.count(record.subject ?? '') >= limit.max
      if (isFull) throw new Error('too many sessions')
      return good.create(record, limit)
    },
  })),
  broken('refuses when the session is there', REFUSES, (good) => ({
    create: (record, limit) => {
      const isFull = limit?.onLimit === 'refuse' && good.count(record.subject ?? '') >= limit.max
      good.create(record, isFull ? undefined : limit)
      if (isFull) throw limitReached(limit.max)
      return undefined
    },
  })),
  counting('counts what has ended for a limit', ENDED, (_, subject, ever) => {
    return ever.filter((record) => record.subject === subject)
  }),
  counting('counts by tag', ALONE, (good, subject, ever) => {
    return ever.filter(({ key }) => key.startsWith(tagOf(subject)) && good.record(key))
  }),
  counting('counts everybody for a limit', ALONE, (good, _, ever) => ever.filter(({ key }) => good.record(key))),
  counting('takes anonymous sessions for one subject', 'an anonymous session has no limit', (good, subject, ever) => {
    return ever.filter(({ key, subject: other = '' }) => other === subject && good.record(key))
  }),
  broken('makes room before it looks at the key', 'a session under a key that is taken ends nobody', (good) => ({
    create: (record, limit) => {
      if (limit && good.load(record.key)) good.revokeAll(record.subject ?? '')
      return good.create(record, limit)
    },
  })),
]
