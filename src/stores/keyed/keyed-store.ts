import { hash } from 'node:crypto'
import { moved, patched } from '../../core/changed-record.js'
import { Deadlines } from '../../core/deadlines.js'
import { keyTaken, SessionError } from '../../core/errors.js'
import { endsAt, isExpired, type Clock } from '../../core/expiry.js'
import { probeRecord, unfit } from '../../core/probe.js'
import type { FormerKey, RecordPatch, RotatePatch, SessionRecord } from '../../core/record.js'
import type { Ability, Closing, Outcome, Probing, Rotating, SessionStore } from '../../core/store.js'
import { REUSE_KNOWN_FOR } from '../../core/store.js'
import { EndedKeys } from './ended-keys.js'
import { formerValueOf, foundIn, MARK, outsideData, unreadable, valueOf, type KeptFormer } from './kept-value.js'
import type { KeptValue, KeyedThings } from './things.js'
import { Turns } from './turns.js'

/** How long a call may stay without an answer before the next one on its key goes on, in milliseconds. */
const PATIENCE = 10_000

/** The shortest time to live that a place is given, in milliseconds: some count in seconds, and the end is judged here. */
const SHORTEST = 1000

/** How many records are remembered from their load until they are touched. */
const MOST_LOADED = 1000

/** What stores of one process know together of one place. */
interface Shared {
  readonly turns: Turns
  readonly ended: EndedKeys
}

const places = new WeakMap<object, Shared>()

/**
 * A session store on a place that knows no atomic step beyond `get`, `set` and `delete`.
 *
 * In this process every write has its turn on its key, so no update is lost and nothing that was ended comes back; all
 * stores on the same place keep to it together. Between processes it can't promise that: a write is a `get` and a `set`,
 * and what another process wrote in between is lost.
 */
export class KeyedStore implements SessionStore, Rotating, Probing, Closing {
  readonly name: string
  readonly abilities: ReadonlySet<Ability> = new Set<Ability>(['rotating', 'probing', 'closing'])
  readonly #things: KeyedThings
  readonly #clock: Clock
  readonly #turns: Turns
  readonly #ended: EndedKeys
  readonly #deadlines: Deadlines
  /** The verbs of this store that are under way. */
  readonly #underWay = new Set<Promise<unknown>>()
  /** Records as they were loaded last, for the touch that comes next. The oldest first. */
  readonly #loaded = new Map<string, SessionRecord>()
  #isClosed = false

  /** @param place - what `things` keep their values in: stores on the same one wait for each other */
  constructor(things: KeyedThings, place: object, clock: Clock) {
    const { name } = things
    const shared = places.get(place) ?? { turns: new Turns(), ended: new EndedKeys() }
    places.set(place, shared)
    this.name = name
    this.#things = things
    this.#clock = clock
    this.#turns = shared.turns
    this.#ended = shared.ended
    this.#deadlines = new Deadlines(PATIENCE, (verb) => new LateError(name, verb))
  }

  async load(key: string): Promise<SessionRecord | FormerKey | undefined> {
    this.#refuseClosed()
    const name = this.#things.nameOf(key)
    if (this.#ended.how(name, this.#clock())) return undefined
    const found = await this.#read(key, name)
    // It may have been ended while the place was answering.
    if (!found || this.#ended.how(name, this.#clock())) return undefined
    if (!isKeptFormer(found)) return this.#remember(name, found)
    const { movedTo, sealedId, goodUntil } = found
    return { movedTo, sealedId, goodUntil }
  }

  create(record: SessionRecord): Promise<undefined> {
    return this.#inTurn([record.key], async (name) => {
      if (!this.#things.isNewFree) await this.#refuseTaken(record.key, name)
      await this.#keep(name, record)
      this.#ended.forget(name)
      return undefined
    })
  }

  update(key: string, patch: RecordPatch): Promise<Outcome> {
    return this.#inTurn([key], async (name) => {
      const record = await this.#live(key, name)
      if (typeof record === 'string') return record
      if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
      await this.#keep(name, patched(record, patch))
      return 'updated'
    })
  }

  touch(key: string, lastSeenAt: number): Promise<boolean> {
    return this.#inTurn([key], async (name) => {
      if (this.#things.touch) return this.#touchThere(key, name, lastSeenAt, this.#things.touch)
      const record = await this.#live(key, name)
      if (typeof record === 'string') return false
      if (lastSeenAt > record.lastSeenAt) await this.#keep(name, { ...record, lastSeenAt })
      return true
    })
  }

  /** What can't be read is removed too, and answered with `false`. */
  delete(key: string): Promise<boolean> {
    return this.#inTurn([key], async (name) => {
      const record = await this.#live(key, name).catch(unreadableOnly)
      if (typeof record === 'string') return false
      await this.#remove(name)
      this.#ended.add(name, 'deleted', this.#clock())
      return record !== undefined
    })
  }

  /** The new record is in its place before the old one is gone: if the second step fails, the first is taken back. */
  rotate(key: string, newKey: string, patch: RotatePatch): Promise<Outcome> {
    return this.#inTurn([key, newKey], async (name, newName) => {
      const record = await this.#live(key, name)
      if (typeof record === 'string') return record
      if (patch.ifVersion !== undefined && patch.ifVersion !== record.version) return 'conflict'
      await this.#refuseTaken(newKey, newName)
      await this.#keep(newName, moved(record, newKey, patch))
      this.#ended.forget(newName)
      try {
        await this.#leave(name, newKey, (patch.times ?? record).expiresAt, patch.sealedId)
      } catch (error) {
        await this.#remove(newName).catch(() => {})
        throw error
      }
      return 'updated'
    })
  }

  confirm(key: string, formerKey: string, goodUntil: number): Promise<void> {
    return this.#inTurn([key, formerKey], async (name, formerName) => {
      const record = await this.#live(key, name)
      if (typeof record === 'string' || record.formerKey !== formerKey) return
      const former = await this.#read(formerKey, formerName)
      if (former && isKeptFormer(former)) {
        const until = goodUntil + REUSE_KNOWN_FOR
        await this.#keepFormer(formerName, { movedTo: key, sealedId: undefined, goodUntil, until })
      }
      await this.#keep(name, { ...record, formerKey: undefined })
    })
  }

  /** Writes a record, looks whether it is given back as it was, and removes it. */
  async probe(): Promise<void> {
    const record = probeRecord(this.#clock())
    await this.create(record)
    try {
      const kept = await this.load(record.key).catch(unreadableOnly)
      if (kept === undefined) throw unfit(this.name, 'does not give back what is written')
      if (!('data' in kept) || kept.data.get('probe') !== '1') throw unfit(this.name, 'gives back something else')
    } finally {
      await this.#inTurn([record.key], (name) => this.#remove(name))
    }
  }

  /** Waits for what is under way. The place itself was handed in, so it stays open. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#underWay)
  }

  /** Does the work of a verb when nobody else in this process writes to one of its keys. It gets their names. */
  #inTurn<T>(keys: readonly [string], work: (name: string) => Promise<T>): Promise<T>
  #inTurn<T>(keys: readonly [string, string], work: (name: string, second: string) => Promise<T>): Promise<T>
  async #inTurn<T>(keys: readonly string[], work: (...names: [string, string]) => Promise<T>): Promise<T> {
    this.#refuseClosed()
    const names = keys.map((key) => this.#things.nameOf(key)) as [string, string]
    const done = this.#turns.take(names, () => work(...names))
    this.#underWay.add(done)
    try {
      return await done
    } finally {
      this.#underWay.delete(done)
    }
  }

  /** The place itself moves the deadline, and only that: so it brings nothing back that another process has ended. */
  async #touchThere(
    key: string,
    name: string,
    lastSeenAt: number,
    touch: NonNullable<KeyedThings['touch']>,
  ): Promise<boolean> {
    const isEnded = this.#ended.how(name, this.#clock()) !== undefined
    const record = isEnded ? 'gone' : (this.#loaded.get(name) ?? (await this.#live(key, name)))
    this.#loaded.delete(name)
    if (typeof record === 'string') return false
    const timeToLive = endsAt({ ...record, lastSeenAt }) - this.#clock()
    if (timeToLive > 0) await this.#inTime('touch', touch(name, timeToLive, record))
    return timeToLive > 0
  }

  #remember(name: string, record: SessionRecord): SessionRecord {
    if (!this.#things.touch) return record
    for (const oldest of this.#loaded.size < MOST_LOADED ? [] : this.#loaded.keys()) {
      this.#loaded.delete(oldest)
      break
    }
    this.#loaded.set(name, record)
    return record
  }

  async #live(key: string, name: string): Promise<SessionRecord | 'gone' | 'rotated'> {
    const end = this.#ended.how(name, this.#clock())
    if (end) return end === 'rotated' ? 'rotated' : 'gone'
    const found = await this.#read(key, name)
    if (!found) return 'gone'
    return isKeptFormer(found) ? 'rotated' : found
  }

  async #refuseTaken(key: string, name: string): Promise<void> {
    const end = this.#ended.how(name, this.#clock())
    if (end === 'rotated' || (end === undefined && (await this.#read(key, name)))) throw keyTaken()
  }

  /** What is there and not over. */
  async #read(key: string, name: string): Promise<SessionRecord | KeptFormer | undefined> {
    const value = await this.#inTime('get', this.#things.get(name))
    if (value === undefined || value === null) return undefined
    if (typeof value !== 'object') throw unreadable('it is no object')
    const now = this.#clock()
    const found =
      MARK in value ? this.#withUse(foundIn(key, value), value, now) : this.#outsider(key, value as KeptValue, now)
    const isOver = isKeptFormer(found) ? now >= found.until : isExpired(found, now)
    return isOver ? undefined : found
  }

  #withUse(found: SessionRecord | KeptFormer, value: KeptValue, now: number): SessionRecord | KeptFormer {
    if (isKeptFormer(found)) return found
    const times = this.#things.hasOtherLength?.(value, found) ? this.#things.outsideTimes?.(value, now) : undefined
    if (times) {
      const { lastSeenAt, idleTimeout, persistent } = times
      return { ...found, lastSeenAt, idleTimeout, persistent }
    }
    if (!this.#things.usedAt) return found
    const usedAt = this.#things.usedAt(value, found.idleTimeout, now)
    return usedAt > found.lastSeenAt ? { ...found, lastSeenAt: usedAt } : found
  }

  /** A session that the place had before, or that somebody else has written. Each load gives it the same handle. */
  #outsider(key: string, value: KeptValue, now: number): SessionRecord {
    const times = this.#things.outsideTimes?.(value, now)
    if (!times) throw unreadable('it was not written by Latchkey')
    return {
      ...times,
      key,
      handle: hash('sha256', `latchkey:handle:1:${key}`, 'base64url').slice(0, 16),
      subject: undefined,
      authenticatedAt: undefined,
      rotatedAt: times.createdAt,
      version: 1,
      device: undefined,
      ip: undefined,
      formerKey: undefined,
      data: outsideData(value),
    }
  }

  #keep(name: string, record: SessionRecord): Promise<void> {
    return this.#put(name, valueOf(record), endsAt(record))
  }

  #keepFormer(name: string, former: KeptFormer): Promise<void> {
    return this.#put(name, formerValueOf(former), former.until)
  }

  /** What becomes of a key whose record has moved on. */
  async #leave(name: string, movedTo: string, until: number, sealedId: string | undefined): Promise<void> {
    if (sealedId !== undefined) return this.#keepFormer(name, { movedTo, sealedId, goodUntil: undefined, until })
    await this.#remove(name)
    this.#ended.add(name, 'rotated', this.#clock())
  }

  async #put(name: string, value: KeptValue, end: number): Promise<void> {
    const timeToLive = end - this.#clock()
    if (timeToLive <= 0) return this.#remove(name)
    const writing = this.#things.set(name, value, Math.max(timeToLive, this.#things.shortest ?? SHORTEST))
    try {
      await this.#inTime('set', writing)
    } catch (error) {
      if (error instanceof LateError) void writing.then(() => this.#takeBack(name)).catch(() => {})
      throw error
    }
  }

  #remove(name: string): Promise<void> {
    return this.#inTime('delete', this.#things.delete(name))
  }

  /** A write that nobody waits for any more has come through: it must not bring back what was ended since. */
  #takeBack(name: string): Promise<void> {
    return this.#turns.take([name], async () => {
      if (this.#ended.how(name, this.#clock())) await this.#remove(name)
    })
  }

  /** A call that gets no answer must not keep the others on its key waiting for ever. */
  #inTime<T>(verb: string, answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const waiting = this.#deadlines.begin(verb, reject)
      answer.then(
        (value) => {
          this.#deadlines.end(waiting)
          resolve(value)
        },
        (error: unknown) => {
          this.#deadlines.end(waiting)
          reject(error)
        },
      )
    })
  }

  #refuseClosed(): void {
    if (!this.#isClosed) return
    throw new SessionError(
      'STORE_CLOSED',
      `The session store "${this.name}" was closed. Close it only after the last request.`,
    )
  }
}

class LateError extends SessionError {
  constructor(place: string, verb: string) {
    super(
      'STORE_UNAVAILABLE',
      `"${place}" gave no answer to a ${verb} within ${PATIENCE} ms. Look whether it calls back, and whether what is under it is there.`,
    )
  }
}

function isKeptFormer(found: SessionRecord | KeptFormer): found is KeptFormer {
  return 'movedTo' in found
}

/** `undefined` for what can't be read; every other error is thrown on. */
function unreadableOnly(error: unknown): undefined {
  if (!(error instanceof SessionError) || error.code !== 'RECORD_UNREADABLE') throw error
}
