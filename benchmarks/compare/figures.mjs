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
 * The medians of all rounds, for each variant and scenario. `cost` is the processor time over that of the bare framework as a variant
 * of its own: a process that is as fresh, and was measured in the same way. `low` and `high` are its quartiles. Processor times are
 * at one pace of the machine: as if the process of the bare framework that is measured in turn with all had always taken what it
 * took at the median.
 */
export function summarize(measured, variants) {
  const paced = mapped(Object.fromEntries(variants.map((variant) => [variant.name, variant])), ({ name, platform }) =>
    mapped(measured[name], (figures, scenario) => {
      const usual = median(bareTimes(measured, variants, platform, scenario))
      return figures.map((each) => ({ ...each, processor: (each.processor * usual) / each.bare }))
    }),
  )
  return Object.fromEntries(
    variants.map(({ name, platform }) => [
      name,
      mapped(paced[name], (figures, scenario) => {
        const of = (/** @type {string} */ what, from = figures) => median(from.map((each) => each[what]))
        const bare = of('processor', paced[nameOf(platform, 'bare', 'none')][scenario])
        const costs = figures.map(({ processor }) => processor - bare)
        const figuresOf = { processor: of('processor'), throughput: of('throughput'), p50: of('p50'), p99: of('p99') }
        return { ...figuresOf, cost: median(costs), low: quantile(costs, 0.25), high: quantile(costs, 0.75) }
      }),
    ]),
  )
}

/** How many times as long the machine took at its slowest as at its fastest for the same request of a bare framework. */
export function pacesOf(measured, variants) {
  const platforms = [...new Set(variants.map(({ platform }) => platform))]
  const ratios = platforms.map((platform) => {
    const all = bareTimes(measured, variants, platform, 'read')
    return Math.max(...all) / Math.min(...all)
  })
  return Math.max(...ratios)
}

/**
 * By how many microseconds a cost can be wrong, for each platform: what the bare framework seems to cost over itself at the quartiles of
 * its rounds, or a middleware that does nothing at the median, in the worst scenario.
 */
export function errorsOf(summary, variants) {
  const platforms = [...new Set(variants.map(({ platform }) => platform))]
  return Object.fromEntries(
    platforms.map((platform) => {
      const bare = Object.values(summary[nameOf(platform, 'bare', 'none')])
      const empty = Object.values(summary[nameOf(platform, 'empty', 'none')] ?? {})
      return [
        platform,
        Math.max(...bare.map(({ low, high }) => Math.max(-low, high)), ...empty.map(({ cost }) => Math.abs(cost))),
      ]
    }),
  )
}

/** What the bare framework took in turn with all that stands on it. */
function bareTimes(measured, variants, platform, scenario) {
  return variants
    .filter((each) => each.platform === platform)
    .flatMap(({ name }) => (measured[name][scenario] ?? []).map(({ bare }) => bare))
}

/**
 * An object with every value changed.
 *
 * @param {(value: any, key: string) => any} change
 */
export function mapped(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value, key)]))
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

/**
 * What a read costs where there are many sessions, over what it costs where there are few, Redis's own part included. NaN where either
 * is lost in the noise.
 */
export function scaleRatio({ figures }) {
  const { few, many } = mapped(atOnePace(figures), (rounds) => median(rounds.map(costOf)))
  return few > 0 && many >= 0 ? many / few : NaN
}

/** The rounds of few and of many sessions, as if the bare framework had always taken what it took at the median. */
export function atOnePace(figures) {
  const usual = median(Object.values(figures).flatMap((rounds) => rounds.map(({ bare }) => bare)))
  return mapped(figures, (rounds) =>
    rounds.map((each) => {
      const pace = usual / each.bare
      return { ...each, processor: each.processor * pace, bare: usual, inRedis: each.inRedis * pace }
    }),
  )
}

const costOf = ({ processor, bare, inRedis }) => processor - bare + inRedis
