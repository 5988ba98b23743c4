import type { SessionRecord } from '../../../core/record.js'

/** A record that is kept, and whose word its being unchanged is. */
export interface Entry<Source> {
  readonly record: SessionRecord
  readonly source: Source
}

/** A read that is under way. What it answers may be kept only while nobody has heard of a change meanwhile. */
export type Reading = symbol

/**
 * The records of a near cache, as many as fit: the one that was not asked for longest leaves first. And the reads that are
 * under way, because what changes before their answer is kept must not be kept at all.
 */
export class Kept<Source> {
  readonly #maxEntries: number
  /** In the order in which they were last asked for. */
  readonly #entries = new Map<string, Entry<Source>>()
  /** The last read of each key that is being read. */
  readonly #readings = new Map<string, Reading>()

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Entry<Source> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry
  }

  /** Call it before the read is sent, and {@link keep} or {@link end} when it is answered. */
  begin(key: string): Reading {
    const reading = Symbol('reading')
    this.#readings.set(key, reading)
    return reading
  }

  /** Keeps what a read has answered, unless it may have changed since, or another read has begun that will know better. */
  keep(key: string, reading: Reading, entry: Entry<Source>): void {
    if (this.#readings.get(key) !== reading) return
    this.#readings.delete(key)
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    if (this.#entries.size <= this.#maxEntries) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** A read has answered nothing that can be kept. */
  end(key: string, reading: Reading): void {
    if (this.#readings.get(key) === reading) this.#readings.delete(key)
  }

  /** What is under this key has changed, or may have. */
  forget(key: string): void {
    this.#entries.delete(key)
    this.#readings.delete(key)
  }

  forgetAll(): void {
    this.#entries.clear()
    this.#readings.clear()
  }
}
