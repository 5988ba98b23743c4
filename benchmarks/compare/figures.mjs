import { nameOf } from './variants.mjs'

/** The value below which this share of the others is. */
export function quantile(values, share) {
  const sorted = values.toSorted((one, two) => one - two)
  const place = (sorted.length - 1) * share
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return below + (above - below) * (place % 1)
}

export const median = (values) => quantile(values, 0.5)

/**
 * The medians of all rounds, for each variant and scenario. `cost` is the processor time over that of the bare framework in the
 * same round; `low` and `high` are its quartiles.
 */
export function summarize(rounds, variants) {
  const all = {}
  for (const { name, platform } of variants) {
    const bare = rounds[nameOf(platform, 'bare', 'none')]
    all[name] = Object.fromEntries(
      Object.entries(rounds[name]).map(([scenario, figures]) => {
        const costs = figures.map(({ processor }, round) => processor - bare[scenario][round].processor)
        const of = (what) => median(figures.map((each) => each[what]))
        const figuresOf = { processor: of('processor'), throughput: of('throughput'), p50: of('p50'), p99: of('p99') }
        return [
          scenario,
          { ...figuresOf, cost: median(costs), low: quantile(costs, 0.25), high: quantile(costs, 0.75) },
        ]
      }),
    )
  }
  return all
}

/** By how much the bare frameworks differ from round to round: how quiet the machine was. 1.1 means by a tenth. */
export function unrest(rounds, variants) {
  const ratios = variants
    .filter(({ isBare }) => isBare)
    .map(({ name }) => rounds[name].read.map(({ processor }) => processor))
    .map((values) => Math.max(...values) / Math.min(...values))
  return Math.max(...ratios)
}

/** The median latency of each variant that a network to Redis adds to the bare framework's, in milliseconds. */
export function addedLatency({ latency }, variants) {
  const shown = variants.filter(({ name, isBare }) => !isBare && latency[name])
  return Object.fromEntries(
    shown.map(({ name, platform }) => {
      const bare = latency[nameOf(platform, 'bare', 'none')]
      return [name, median(latency[name].map((value, round) => value - bare[round]))]
    }),
  )
}

/** What a read costs where there are many sessions, over what it costs where there are few, Redis's own part included. */
export function scaleRatio({ bare, figures }) {
  const cost = (each) => median(each.map(({ processor, inRedis }, round) => processor - bare[round] + inRedis))
  return cost(figures.many) / cost(figures.few)
}
