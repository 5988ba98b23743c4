/** A length of time in milliseconds, as {@link seconds}, {@link minutes}, {@link hours} and {@link days} make it. */
export type Duration = number

/** `count` seconds as a {@link Duration}. */
export function seconds(count: number): Duration {
  return count * 1000
}

/** `count` minutes as a {@link Duration}. */
export function minutes(count: number): Duration {
  return seconds(count * 60)
}

/** `count` hours as a {@link Duration}. */
export function hours(count: number): Duration {
  return minutes(count * 60)
}

/** `count` days of 24 hours as a {@link Duration}. */
export function days(count: number): Duration {
  return hours(count * 24)
}

/**
 * The longest duration that is taken: 100 years. A deadline further away could not be stored or written as a date, and
 * who gives one means "never", which is no lifetime.
 */
export const MAX_DURATION: Duration = days(36_500)
