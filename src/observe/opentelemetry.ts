import { metrics, type Attributes, type Counter, type Histogram, type Meter } from '@opentelemetry/api'
import type { Duration } from '../core/duration.js'
import type { SessionEvent } from '../core/events.js'
import type { CommitOutcome, OpenOutcome, SessionMetrics, StoreCallOutcome } from '../core/metrics.js'

/** What {@link openTelemetryMetrics} can be told. */
export interface OpenTelemetryOptions {
  /** Where the instruments are made. Default: the meter `latchkey` of the global provider. */
  readonly meter?: Meter | undefined
}

/**
 * Metrics by the OpenTelemetry API, for the option `metrics`: `openTelemetryMetrics()`. Names, units and attributes are in
 * `docs/reference/metrics.md`.
 *
 * Without a `meter`, start the OpenTelemetry SDK first: an instrument made before it counts into nothing. One for each
 * application: two that share one would tell of the same store.
 */
export function openTelemetryMetrics(options: OpenTelemetryOptions = {}): SessionMetrics {
  return new OpenTelemetryMetrics(options.meter ?? metrics.getMeter('latchkey'))
}

/** From a store in memory to the deadline and beyond, in seconds: those of OpenTelemetry for databases, and finer. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

class OpenTelemetryMetrics implements SessionMetrics {
  readonly #storeCalls: Histogram
  readonly #opens: Counter
  readonly #commits: Counter
  readonly #created: Counter
  readonly #ended: Counter
  readonly #events: Counter
  readonly #known = new Map<string, Attributes>()
  #isStoreUp = true

  constructor(meter: Meter) {
    this.#storeCalls = meter.createHistogram('latchkey.store.call.duration', {
      description: 'How long calls of the session store take.',
      unit: 's',
      advice: { explicitBucketBoundaries: BUCKETS },
    })
    meter
      .createObservableGauge('latchkey.store.up', {
        description: 'Whether the session store is asked: 1, or 0 while it is known to be down.',
        unit: '1',
      })
      .addCallback((result) => result.observe(this.#isStoreUp ? 1 : 0))
    this.#opens = meter.createCounter('latchkey.session.opens', {
      description: 'Requests whose session was looked for, by what their tokens led to.',
      unit: '{request}',
    })
    this.#commits = meter.createCounter('latchkey.session.commits', {
      description: 'Requests that looked at their session, by what became of it.',
      unit: '{request}',
    })
    this.#created = meter.createCounter('latchkey.session.created', {
      description: 'Sessions that began.',
      unit: '{session}',
    })
    this.#ended = meter.createCounter('latchkey.session.ended', {
      description: 'Sessions that ended, by reason.',
      unit: '{session}',
    })
    this.#events = meter.createCounter('latchkey.session.events', {
      description: 'Events around sessions, other than their beginning and end.',
      unit: '{event}',
    })
  }

  storeCall(verb: string, outcome: StoreCallOutcome, duration: Duration): void {
    this.#storeCalls.record(duration / 1000, this.#attributes('latchkey.store.verb', verb, 'latchkey.outcome', outcome))
  }

  opened(outcome: OpenOutcome): void {
    this.#opens.add(1, this.#attributes('latchkey.outcome', outcome))
  }

  committed(outcome: CommitOutcome): void {
    this.#commits.add(1, this.#attributes('latchkey.outcome', outcome))
  }

  happened(event: SessionEvent): void {
    switch (event.type) {
      case 'created':
        return this.#created.add(1)
      case 'revoked':
        return this.#ended.add(1, this.#attributes('latchkey.reason', event.reason))
      case 'evicted':
        return this.#ended.add(1, this.#attributes('latchkey.reason', event.type))
      case 'expired':
        return this.#ended.add('count' in event ? event.count : 1, this.#attributes('latchkey.reason', event.reason))
      case 'store-down':
      case 'store-up':
        this.#isStoreUp = event.type === 'store-up'
        return this.#events.add(1, this.#eventAttributes(event))
      default:
        return this.#events.add(1, this.#eventAttributes(event))
    }
  }

  #eventAttributes(event: SessionEvent): Attributes {
    if ('reason' in event) return this.#attributes('latchkey.event', event.type, 'latchkey.reason', event.reason)
    if ('error' in event) return this.#attributes('latchkey.event', event.type, 'error.type', event.error.code)
    return this.#attributes('latchkey.event', event.type)
  }

  /** The same object for the same values: there are few, and this is called with every request. */
  #attributes(name: string, value: string, name2 = '', value2 = ''): Attributes {
    const key = `${name} ${value} ${value2}`
    let known = this.#known.get(key)
    if (!known) this.#known.set(key, (known = name2 === '' ? { [name]: value } : { [name]: value, [name2]: value2 }))
    return known
  }
}
