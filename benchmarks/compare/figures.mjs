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
 * The medians of all rounds, for each variant and scenario. `cost` is the processor time over that of the bare framework, which was
 * measured in turn with it; `low` and `high` are its quartiles. Processor times are at one pace of the machine: as if the bare
 * framework had always taken what it took at the median.
 */
export function summarize(measured, variants) {
  return Object.fromEntries(
    variants.map(({ name, platform }) => [
      name,
      mapped(measured[name], (figures, scenario) => {
        const usual = median(bareTimes(measured, variants, platform, scenario))
        const paced = figures.map((each) => ({ ...each, processor: (each.processor * usual) / each.bare }))
        const of = (/** @type {string} */ what) => median(paced.map((each) => each[what]))
        const costs = paced.map(({ processor }) => processor - usual)
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
 * By which part of itself the bare framework seems to cost more or less than itself, where one process is measured in turn with
 * another: the worst quartile of the rounds of any scenario.
 */
export function errorOf(summary, variants) {
  const bare = variants.filter(({ isBare }) => isBare).flatMap(({ name }) => Object.values(summary[name]))
  return Math.max(...bare.map(({ low, high, processor }) => Math.max(-low, high) / processor))
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
