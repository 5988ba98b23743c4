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
 * same round; `low` and `high` are its quartiles. Processor times are at the median pace of the machine.
 */
export function summarize(measured, variants) {
  const rounds = atOnePace(measured)
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
export function unrest(measured, variants) {
  const rounds = atOnePace(measured)
  const ratios = variants
    .filter(({ isBare }) => isBare)
    .map(({ name }) => rounds[name].read.map(({ processor }) => processor))
    .map((values) => Math.max(...values) / Math.min(...values))
  return Math.max(...ratios)
}

/** By how much the pace of the machine differed from one measurement to another. */
export function paces(measured) {
  const works = allOf(measured).map(({ work }) => work)
  return Math.max(...works) / Math.min(...works)
}

/** The same figures, as if a fixed piece of work had always taken as long as it did at the median. */
function atOnePace(measured) {
  const usual = median(allOf(measured).map(({ work }) => work))
  const paced = (each) => ({ ...each, processor: (each.processor * usual) / each.work })
  return mapped(measured, (scenarios) => mapped(scenarios, (figures) => figures.map(paced)))
}

function allOf(measured) {
  return Object.values(measured).flatMap((scenarios) => Object.values(scenarios).flat())
}

/**
 * An object with every value changed.
 *
 * @param {(value: any) => any} change
 */
export function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
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
