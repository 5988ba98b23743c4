import {
  Inject,
  Injectable,
  UnauthorizedException,
  type CanActivate,
  type ExecutionContext,
  type HttpException,
} from '@nestjs/common'
import { Reflector } from '@nestjs/core'
import type { Exchange } from '../http/exchange.js'
import type { Objections, StoreDownPolicy } from '../http/objections.js'
import { exchangeBehind } from '../http/shown-session.js'
import { FRESH_SESSION, ON_STORE_DOWN, SKIP_CSRF } from './session.constants.js'
import { asHttp, SessionStoreUnavailableException } from './session.exceptions.js'
import { exchangeIn, type SessionRequest } from './session.request.js'

/**
 * Asks the handler what speaks against the request's session: `@SkipCsrf()` lifts one objection, `@OnStoreDown()` the other.
 * And whether it wants the session read again: `@FreshSession()`. It is global, before all other guards, where an application uses one of them; a request without objections costs it one
 * look.
 */
@Injectable()
export class SessionPolicyGuard implements CanActivate {
  readonly #reflector: Reflector

  constructor(@Inject(Reflector) reflector: Reflector) {
    this.#reflector = reflector
  }

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const exchange = exchangeIn(context)
    if (exchange === undefined) return true
    if (this.#metadata<boolean>(FRESH_SESSION, context) === true) return this.#refresh(context, exchange)
    return exchange.objections === undefined || this.#decide(context, exchange, exchange.objections)
  }

  async #refresh(context: ExecutionContext, exchange: Exchange): Promise<boolean> {
    if (exchange.objections) await this.#decide(context, exchange, exchange.objections)
    await exchange.refresh()
    return exchange.objections === undefined || this.#decide(context, exchange, exchange.objections)
  }

  async #decide(context: ExecutionContext, exchange: Exchange, objections: Objections): Promise<boolean> {
    if (objections.crossSite) {
      if (this.#metadata<boolean>(SKIP_CSRF, context) !== true) throw asHttp(objections.crossSite)
      await exchange.admit().catch(rethrow)
    }
    if (objections.storeDown) {
      const policy = this.#metadata<StoreDownPolicy>(ON_STORE_DOWN, context) ?? objections.policy
      if (policy === 'refuse') throw asHttp(objections.storeDown)
      objections.tolerate()
    }
    return true
  }

  #metadata<T>(key: string, context: ExecutionContext): T | undefined {
    return this.#reflector.getAllAndOverride<T | undefined>(key, [context.getHandler(), context.getClass()])
  }
}

/** Refuses a request with an objection that nobody has lifted: our guards must not say of it that nobody is signed in. */
export function assertUnopposed(request: SessionRequest): void {
  const objection = exchangeBehind(request)?.objections?.standing
  if (objection) throw asHttp(objection)
}

/** The answer to a request of nobody; where the store is down it may be somebody. */
export function notSignedIn(request: SessionRequest): HttpException {
  const down = request.session?.isAvailable === false ? exchangeBehind(request)?.objections?.storeDown : undefined
  return down ? new SessionStoreUnavailableException(down) : new UnauthorizedException('Session not found')
}

function rethrow(error: unknown): never {
  throw asHttp(error)
}
