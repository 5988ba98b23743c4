import { endsAt, isExpired } from '../../../src/core/expiry.js'
import { tagOf } from '../../../src/core/id.js'
import { inOrderOfSignIn, type SessionRecord } from '../../../src/core/record.js'
import { broken, type BrokenStore, type SoundStore, type Verbs } from './build.js'
import { moving } from './changing.js'

const ORDER = 'a list has the sessions of its subject, the first signed in first'
const ODD = 'any string may be a subject with a list of its own'
const ALIVE = 'a session is in the list as long as touches and updates keep it alive'

/** A store with a list of its own, and a count that agrees with it. */
export function listing(
  fault: string,
  caughtBy: string,
  list: (good: SoundStore, subject: string, ever: readonly SessionRecord[], now: number) => readonly SessionRecord[],
): BrokenStore {
  return remembering(fault, caughtBy, (good, ever, now) => ({
    list: (subject) => list(good, subject, ever, now()),
    count: (subject) => list(good, subject, ever, now()).length,
  }))
}

/** A store that remembers every record that it ever created or moved, as it was then. */
export function remembering(
  fault: string,
  caughtBy: string,
  faulty: (good: SoundStore, ever: SessionRecord[], now: () => number) => Partial<Verbs>,
): BrokenStore {
  return broken(fault, caughtBy, (good, clock) => {
    const ever: SessionRecord[] = []
    return {
      create: (record, limit) => {
        const evictions = good.create(record, limit)
        ever.push(record)
        return evictions
      },
      rotate: (key, newKey, patch) => {
        const outcome = good.rotate(key, newKey, patch)
        const record = good.record(newKey)
        if (record && outcome === 'updated') ever.push(record)
        return outcome
      },
      ...faulty(good, ever, clock),
    }
  })
}

/** A store that takes subjects for one another. */
function confusing(fault: string, change: (subject: string) => string, caughtBy = ODD): BrokenStore {
  return listing(fault, caughtBy, (good, subject, ever) => {
    const subjects = new Set(ever.map((record) => record.subject ?? ''))
    const same = [...subjects].filter((other) => change(other) === change(subject))
    return same.flatMap((other) => good.list(other)).sort(inOrderOfSignIn)
  })
}

/** Those of the records that are in this order, the lowest first. */
function ordered(records: readonly SessionRecord[], by: (record: SessionRecord) => number): readonly SessionRecord[] {
  return records.toSorted((one, two) => by(one) - by(two))
}

/** The records ever kept of a subject that still live, under the key that they had then. */
function living(good: SoundStore, subject: string, ever: readonly SessionRecord[]): readonly SessionRecord[] {
  const records = new Map(ever.map((record) => [record.key, record]))
  const own = [...records.values()].filter((record) => record.subject === subject)
  return own.flatMap(({ key }) => good.record(key) ?? []).sort(inOrderOfSignIn)
}

/** Faults of list and count, and of the index under them. */
export const bySubjectFaults: readonly BrokenStore[] = [
  broken(
    'has nothing to answer for a subject that it does not know',
    'a subject without sessions has an empty list and a count of nothing',
    (good) => ({ list: (subject) => (good.count(subject) === 0 ? (undefined as never) : good.list(subject)) }),
  ),
  broken('counts everybody', 'a subject without sessions has an empty list and a count of nothing', (good) => {
    let created = 0
    return {
      create: (record, limit) => {
        created++
        return good.create(record, limit)
      },
      count: () => created,
    }
  }),
  listing('lists by creation', ORDER, (good, subject) => ordered(good.list(subject), ({ createdAt }) => createdAt)),
  listing('lists the newest first', ORDER, (good, subject) => good.list(subject).toReversed()),
  listing('lists as records come', ORDER, (good, subject, ever) => {
    return ordered(good.list(subject), ({ handle }) => ever.findIndex((record) => record.handle === handle))
  }),
  listing('takes who never signed in for the oldest', ORDER, (good, subject) => {
    return ordered(good.list(subject), ({ authenticatedAt }) => authenticatedAt ?? 0)
  }),
  listing('lists no more than three', ORDER, (good, subject) => good.list(subject).slice(0, 3)),
  listing('lists without the data', ORDER, (good, subject) => {
    return good.list(subject).map((record) => ({ ...record, data: new Map() }))
  }),
  broken('counts one too few', ORDER, (good) => ({ count: (subject) => Math.max(0, good.count(subject) - 1) })),
  listing(
    'compares handles as a locale does',
    'sessions signed in at the same moment are listed by creation, then by handle',
    (good, subject) => good.list(subject).toSorted((one, two) => one.handle.localeCompare(two.handle, 'en')),
  ),
  listing('lists what it was handed', 'a list shows its sessions as they are now', (good, subject, ever) => {
    return good.list(subject).flatMap(({ key }) => ever.filter((record) => record.key === key))
  }),
  listing(
    'lists what was used last at the end',
    'a write, a touch or a load moves nothing in the list',
    (good, subject) => ordered(good.list(subject), ({ lastSeenAt }) => lastSeenAt),
  ),
  remembering('leaves what was deleted in the list', 'what was deleted is not in the list', (good, ever) => ({
    list: (subject) => ever.filter((record) => record.subject === subject),
  })),
  remembering('counts what was deleted', 'what was deleted is not in the list', (good, ever) => ({
    count: (subject) => ever.filter((record) => record.subject === subject).length,
  })),
  listing(
    'lists what has expired until it is swept',
    'what has expired is not in the list, from the very millisecond on',
    (good, subject, ever) => ever.filter((record) => record.subject === subject),
  ),
  listing(
    'lists a session a millisecond too long',
    'what has expired is not in the list, from the very millisecond on',
    (good, subject, ever, now) => {
      return ever.filter((record) => record.subject === subject && !isExpired(record, now - 1))
    },
  ),
  listing(
    'lists what an update has ended',
    'a session that an update ended is not in the list',
    (good, subject, ever, now) => ever.filter((record) => record.subject === subject && !isExpired(record, now)),
  ),
  broken(
    'lets the list of a subject go for good',
    'a list that has run empty stays empty, and begins anew',
    (good, clock) => {
      let firstEnd = Infinity
      return {
        create: (record, limit) => {
          firstEnd = Math.min(firstEnd, endsAt(record))
          return good.create(record, limit)
        },
        list: (subject) => (clock() < firstEnd ? good.list(subject) : []),
      }
    },
  ),
  listing(
    'lets a list end with the session that came last',
    'a session is in the list as long as it lives, however short the others live',
    (good, subject, ever, now) => {
      const own = ever.filter((record) => record.subject === subject && record.expiresAt - record.createdAt < 1e8)
      return own.some((record) => isExpired(record, now)) ? [] : good.list(subject)
    },
  ),
  listing('lists no session longer than it was to live when it began', ALIVE, (good, subject, ever, now) => {
    return good.list(subject).filter(({ key }) => ever.some((record) => record.key === key && !isExpired(record, now)))
  }),
  listing('follows touches and no new lifetime', ALIVE, (good, subject, ever, now) => {
    return good.list(subject).filter(({ key }) => ever.some((record) => record.key === key && record.expiresAt > now))
  }),
  listing(
    'lists anonymous sessions by the name undefined',
    'an anonymous session is in no list',
    (good, subject, ever) => {
      const anonymous = ever.filter((record) => record.subject === undefined && subject === 'undefined')
      return [...good.list(subject), ...anonymous]
    },
  ),
  listing(
    'lists by keys that it never forgets',
    'a key that is used again is in the list of its new record alone',
    (good, subject, ever) => {
      const keys = new Set(ever.filter((record) => record.subject === subject).map(({ key }) => key))
      return [...keys].flatMap((key) => good.record(key) ?? []).sort(inOrderOfSignIn)
    },
  ),
  confusing('takes subjects without regard to case', (subject) => subject.toLowerCase()),
  confusing('folds subjects', (subject) => subject.toUpperCase()),
  confusing('trims subjects', (subject) => subject.trim()),
  confusing('cuts subjects at NUL', (subject) => subject.split('\0')[0] ?? ''),
  confusing('cuts long subjects', (subject) => subject.slice(0, 255)),
  confusing('composes the characters of subjects', (subject) => subject.normalize('NFC')),
  confusing('makes numbers of what looks like one', (subject) => `${Number(subject) || subject}`),
  confusing('takes the part in braces for the subject', (subject) => /\{(.+)\}/.exec(subject)?.[1] ?? subject),
  confusing('decodes subjects', (subject) => subject.replaceAll('%00', '\0')),
  listing('keeps lists in a plain object', ODD, (good, subject) => (subject in {} ? [] : good.list(subject))),
  confusing('tells subjects apart by their tag alone', tagOf, 'subjects with the same tag have lists of their own'),
  listing(
    'hands out the records of a list that it keeps',
    'changing what was listed changes nothing that is kept',
    (good, subject, ever) => living(good, subject, ever).map(({ key }) => ever.find((record) => record.key === key)!),
  ),
]

const FOUND = 'find gives the session of that subject with that handle, as it is now'
const NOT_FOUND = 'find gives nothing for a handle that the subject does not have'
const FOUND_OVER = 'find gives nothing for a session that is over'

/** Faults of find. */
export const findFaults: readonly BrokenStore[] = [
  remembering('finds what it was handed', FOUND, (_good, ever) => ({
    find: (subject, handle) => ever.find((record) => record.subject === subject && record.handle === handle),
  })),
  broken('finds the first session of a subject', FOUND, (good) => ({ find: (subject) => good.list(subject)[0] })),
  broken('finds handles without regard to case', NOT_FOUND, (good) => ({
    find: (subject, handle) => good.list(subject).find((each) => each.handle.toLowerCase() === handle.toLowerCase()),
  })),
  remembering('finds the sessions of others', NOT_FOUND, (good, ever) => ({
    find: (_subject, handle) => {
      const record = ever.find((each) => each.handle === handle)
      return record && good.record(record.key)
    },
  })),
  remembering('finds what has expired', FOUND_OVER, (good, ever) => ({
    find: (subject, handle) =>
      good.find(subject, handle) ??
      ever.find((record) => record.subject === subject && record.handle === handle && record.idleTimeout === 1),
  })),
  remembering(
    'hands out the record that it keeps',
    'changing what was found changes nothing that is kept',
    (good, ever) => ({
      find: (subject, handle) => ever.find((record) => record.subject === subject && record.handle === handle),
      list: (subject) => living(good, subject, ever).map(({ key }) => ever.find((record) => record.key === key)!),
    }),
  ),
]

const ONCE = 'a session that has a new id is in the list once, as it is now'

/** Faults of an index that does not follow a record to its new key. */
export const movingFaults: readonly BrokenStore[] = [
  listing('forgets a session in the list that has a new id', ONCE, (good, subject) => {
    return good.list(subject).filter(({ formerKey }) => formerKey === undefined)
  }),
  listing('lists a session under its former key too', ONCE, (good, subject) => {
    return good.list(subject).flatMap((record) => (record.formerKey === undefined ? [record] : [record, record]))
  }),
  listing(
    'leaves a session in the list of the subject that it had',
    'a session is in the list of the subject that it has now',
    (good, subject, ever) => {
      const handles = new Set(ever.filter((record) => record.subject === subject).map(({ handle }) => handle))
      return ever.filter(({ key, handle }) => handles.has(handle) && good.record(key))
    },
  ),
  listing(
    'adds nobody to a list who signs in later',
    'a session is in the list of the subject that it has now',
    (good, subject, ever) => {
      return good.list(subject).filter((record) => ever.find(({ handle }) => handle === record.handle)?.subject)
    },
  ),
  listing(
    'keeps the place of the first sign-in',
    'a new sign-in moves a session to the end of the list, and a new id alone does not',
    (good, subject, ever) => {
      return ordered(good.list(subject), ({ handle }) => ever.findIndex((record) => record.handle === handle))
    },
  ),
  listing(
    'moves a session to the end with every new id',
    'a new sign-in moves a session to the end of the list, and a new id alone does not',
    (good, subject, ever) => {
      return ordered(good.list(subject), ({ key }) => ever.findIndex((record) => record.key === key))
    },
  ),
  broken(
    'takes a session out of the list before it looks at the version',
    'a rotation that is not done leaves the lists as they were',
    (good) => {
      const lost = new Set<string>()
      return {
        rotate: (key, newKey, patch) => {
          const outcome = good.rotate(key, newKey, patch)
          if (outcome === 'conflict') lost.add(key)
          return outcome
        },
        list: (subject) => good.list(subject).filter(({ key }) => !lost.has(key)),
      }
    },
  ),
  listing(
    'lists a session that moved as long as it was to live then',
    'a session that has a new id is in the list until it ends, and not after that',
    (good, subject, ever, now) => {
      return good
        .list(subject)
        .filter(({ key }) => ever.some((record) => record.key === key && !isExpired(record, now)))
    },
  ),
  remembering(
    'lists a session that moved by the end it had before',
    'a rotation can lengthen and shorten how long a session is in the list',
    (good, ever, now) => ({
      list: (subject) => {
        const first = (handle: string) => ever.find((record) => record.handle === handle)
        return good.list(subject).filter(({ handle }) => (first(handle)?.expiresAt ?? 0) > now())
      },
    }),
  ),
  listing(
    'lists what was deleted under its new id',
    'what was deleted or has expired under a new id is not in the list',
    (good, subject, ever) => ever.filter((record) => record.subject === subject && record.formerKey !== undefined),
  ),
  moving(
    'takes a new id for a new sign-in',
    'a new id keeps the place of a session in the order of a limit',
    (moved) => ({
      ...moved,
      authenticatedAt: moved.authenticatedAt === undefined ? undefined : moved.authenticatedAt + 60_000,
    }),
  ),
]
