import type { ModulesContainer } from '@nestjs/core'
import type { RouteChoices } from '../http/objections.js'
import { FRESH_SESSION, ON_STORE_DOWN, SKIP_CSRF } from './session.constants.js'

/**
 * What the handlers of an application decide for themselves: whether one of its classes, or of their methods, has
 * `@OnStoreDown()`, `@SkipCsrf()` or `@FreshSession()`. Providers are looked at as well, since resolvers of GraphQL are some.
 */
export function routeChoices(modules: ModulesContainer): RouteChoices {
  const targets = [...modules.values()].flatMap(({ controllers, providers }) =>
    [...controllers.values(), ...providers.values()].flatMap(({ metatype }) => withMethods(metatype)),
  )
  const has = (key: string): boolean => targets.some((target) => Reflect.getMetadata(key, target) !== undefined)
  return { storeDown: has(ON_STORE_DOWN), crossSite: has(SKIP_CSRF), fresh: has(FRESH_SESSION) }
}

/** A class, and the methods that it has or inherits. */
function withMethods(metatype: unknown): readonly object[] {
  if (typeof metatype !== 'function') return []
  const targets: object[] = [metatype]
  let holder = metatype.prototype as object | null | undefined
  while (holder && holder !== Object.prototype) {
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(holder))) {
      if (typeof value === 'function') targets.push(value as object)
    }
    holder = Object.getPrototypeOf(holder) as object | null
  }
  return targets
}
